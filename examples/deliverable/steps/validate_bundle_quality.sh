#!/bin/sh
# Judges the bundle by itself: files as listed, every source row there exactly
# once and in its class, classes balanced, nothing lost on the way.
# Env: DATASET, SOURCE_SHA256, ROWS, BUNDLE_SHA256.
set -eu
. "${0%/*}/process_contract.sh"
. "${0%/*}/manifest.sh"
require DATASET "${DATASET:-}"
require SOURCE_SHA256 "${SOURCE_SHA256:-}"
require ROWS "${ROWS:-}"
require BUNDLE_SHA256 "${BUNDLE_SHA256:-}"
bundle=$ROK_ARTIFACTS/bundle
check_manifest "$bundle" "$BUNDLE_SHA256"

findings=$(awk -F, '
    function fault(text) { if (++faults <= 3) print text }
    FNR == 1 { file++ }
    file == 1 {
        split($0, w, " ")
        if (w[1] == "balance") want_balance = w[2]
        else if (w[1] == "label") { label[++labels] = w[2]; want[w[2]] = w[3] }
        next
    }
    FNR == 1 {
        class = FILENAME; sub(/^.*\//, "", class); sub(/[.]csv$/, "", class)
        if (!(class in want)) fault(class " is no class of the contract")
        next
    }
    {
        rows++; have[class]++
        if (seen[$1]++) fault("row " $1 " is there twice")
        if ($1 !~ /^[1-9][0-9]*$/ || $1 + 0 > ENVIRON["ROWS"] + 0) fault("row " $1 " is not in the source")
        if ($NF != class) fault("row " $1 " is " $NF ", filed under " class)
    }
    END {
        if (rows != ENVIRON["ROWS"]) fault(rows + 0 " rows, the source has " ENVIRON["ROWS"])
        for (i = 1; i <= labels; i++) {
            n = have[label[i]] + 0
            if (n != want[label[i]]) fault(n " rows of " label[i] ", contract says " want[label[i]])
            if (i == 1 || n < least) least = n
            if (i == 1 || n > most) most = n
        }
        balance = most ? least / most : 0
        if (balance < want_balance) fault(sprintf("class balance %.2f below %s", balance, want_balance))
        if (faults > 3) print "and " faults - 3 " more"
        if (!faults) printf "ok %.6g\n", balance
    }' "$bundle/source/$DATASET.contract" "$bundle"/by_class/*.csv) || fail transient_io "cannot read the bundle"
case $findings in
"ok "*) ;;
*) fail validation_failed "bundle: $(echo "$findings" | awk '{ printf "%s%s", end, $0; end = "; " }')" ;;
esac

# The class files, merged again, must be the source to the last byte.
merged=$ROK_ARTIFACTS/.tmp-merged.csv
{
    head -n 1 "$bundle/source/$DATASET.csv"
    awk 'FNR > 1' "$bundle"/by_class/*.csv | sort -t , -k 1,1n | cut -d , -f 2-
} >"$merged" || fail transient_io "cannot write $merged"
expect_sha256 "$merged" "$SOURCE_SHA256"
io rm "$merged"

output "{\"rows\":$ROWS,\"duplicates\":0,\"balance\":${findings#ok },\"files\":$files}"
echo "bundle is sound: $files files, $ROWS rows, balance ${findings#ok }"
