#!/bin/sh
# Trusts nothing written so far: hashes every file of bundle and deliverable
# again and counts the accuracy again from the predictions, row by row.
# Env: BUNDLE_SHA256, DELIVERABLE_SHA256, CORRECT, TOTAL.
set -eu
. "${0%/*}/process_contract.sh"
. "${0%/*}/manifest.sh"
require BUNDLE_SHA256 "${BUNDLE_SHA256:-}"
require DELIVERABLE_SHA256 "${DELIVERABLE_SHA256:-}"
require CORRECT "${CORRECT:-}"
require TOTAL "${TOTAL:-}"

check_manifest "$ROK_ARTIFACTS/bundle" "$BUNDLE_SHA256"
bundle_files=$files
check_manifest "$ROK_ARTIFACTS/deliverable" "$DELIVERABLE_SHA256"

recount() {
    awk -F, "$1" "$2" || fail transient_io "cannot read $2"
}
by_row=$(recount 'NR > 1 { n++; hits += ($3 == $4) } END { print hits + 0, n + 0 }' \
    "$ROK_ARTIFACTS/bundle/benchmark/predictions.csv") || exit $?
by_matrix=$(recount 'NR > 1 { hits += $NR; for (i = 2; i <= NF; i++) n += $i } END { print hits + 0, n + 0 }' \
    "$ROK_ARTIFACTS/deliverable/confusion.csv") || exit $?
for counted in "$by_row" "$by_matrix"; do
    [ "$counted" = "$CORRECT $TOTAL" ] ||
        fail validation_failed "counted again: ${counted% *} of ${counted#* } rows are right, the benchmark said $CORRECT of $TOTAL"
done

output "{\"verified\":$((bundle_files + files))}"
echo "verified $((bundle_files + files)) files"
