# Sourced by the steps that read the data set. Sets `data` and `contract`.
# shellcheck shell=sh

require DATASET "${DATASET:-}"
# The name becomes part of a path, so it may not hold a slash or a dot.
case $DATASET in
*[!a-z0-9_-]*) fail validation_failed "data set name '$DATASET' is not of [a-z0-9_-]" ;;
esac
data=data/$DATASET.csv
contract=data/$DATASET.contract
for file in "$data" "$contract"; do
    [ -f "$file" ] || fail contract_input_missing "Missing input file $file"
done
