#!/bin/sh
# Makes what is handed out: the class centroids, the confusion matrix, a report,
# the data's source and licence, and a manifest. It holds no time, run id or
# path: equal input, equal bytes.
# Env: DATASET, BUNDLE_SHA256, ACCURACY, CORRECT, TOTAL, FOLDS, MIN_ACCURACY.
set -eu
. "${0%/*}/process_contract.sh"
. "${0%/*}/manifest.sh"
require DATASET "${DATASET:-}"
require BUNDLE_SHA256 "${BUNDLE_SHA256:-}"
require ACCURACY "${ACCURACY:-}"
require CORRECT "${CORRECT:-}"
require TOTAL "${TOTAL:-}"
require FOLDS "${FOLDS:-}"
require MIN_ACCURACY "${MIN_ACCURACY:-}"
bundle=$ROK_ARTIFACTS/bundle
check_manifest "$bundle" "$BUNDLE_SHA256"

begin_folder deliverable
awk -F, '
    NR == 1 { line = $NF ",rows"; for (i = 2; i < NF; i++) line = line "," $i; print line }
    FNR == 1 { if (n) finish(); n = 0; next }
    { n++; label = $NF; columns = NF; for (i = 2; i < NF; i++) sum[i] += $i }
    END { if (n) finish() }
    function finish() {
        line = label "," n
        for (i = 2; i < columns; i++) { line = line sprintf(",%.3f", sum[i] / n); sum[i] = 0 }
        print line
    }' "$bundle"/by_class/*.csv >"$tmp/centroids.csv" || fail transient_io "cannot write centroids.csv"
io cp "$bundle/benchmark/confusion.csv" "$tmp/"
io cp "$bundle/source/README.md" "$tmp/SOURCE.md"

table='{ gsub(/,/, " | "); print "| " $0 " |" } NR == 1 { gsub(/[^|]+/, " --- "); print "|" $0 "|" }'
{
    CORRECT=$CORRECT TOTAL=$TOTAL awk 'BEGIN {
        printf "# %s: nearest centroids\n\n", ENVIRON["DATASET"]
        printf "Accuracy: %.1f%% (%d of %d rows), threshold %.6g%%.\n", 100 * ENVIRON["CORRECT"] / ENVIRON["TOTAL"],
            ENVIRON["CORRECT"], ENVIRON["TOTAL"], 100 * ENVIRON["MIN_ACCURACY"]
        printf "Each row was classified without its own fold; %d folds.\n", ENVIRON["FOLDS"]
    }'
    printf '\n## Centroids\n\n'
    awk "$table" "$tmp/centroids.csv"
    printf '\n## Confusion matrix\n\nRows are the true class, columns the predicted one.\n\n'
    awk "$table" "$tmp/confusion.csv"
    printf '\nSource and licence of the data: SOURCE.md.\nMade from the steward bundle with manifest\n`%s`.\n' "$BUNDLE_SHA256"
} >"$tmp/report.md" || fail transient_io "cannot write report.md"

write_manifest "$tmp" "  \"schema\": 1,
  \"kind\": \"deliverable\",
  \"dataset\": \"$DATASET\",
  \"bundle_sha256\": \"$BUNDLE_SHA256\",
  \"accuracy\": $ACCURACY,"
manifest_sha256=$(sha256_of "$tmp/manifest.json")
check_manifest "$tmp" "$manifest_sha256"
finish_folder deliverable

output "{\"manifest_sha256\":\"$manifest_sha256\",\"files\":$files}"
echo "deliverable of $files files, manifest $manifest_sha256"
