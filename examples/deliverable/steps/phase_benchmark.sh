#!/bin/sh
# Measures how well the data separates its classes, and refuses it below
# MIN_ACCURACY. Each row is classified by the nearest class centroid of the
# folds that it is not in: row r (1-based) is in fold (r - 1) mod FOLDS, so
# FOLDS = rows is leave-one-out. Nothing is random.
# Env: DATASET, SOURCE_SHA256, MIN_ACCURACY, FOLDS.
set -eu
. "${0%/*}/process_contract.sh"
. "${0%/*}/dataset.sh"
require SOURCE_SHA256 "${SOURCE_SHA256:-}"
require MIN_ACCURACY "${MIN_ACCURACY:-}"
require FOLDS "${FOLDS:-}"
expect_sha256 "$data" "$SOURCE_SHA256"

begin_folder benchmark
folder=$tmp awk -F, '
    FNR == 1 { file++ }
    file == 1 {
        split($0, w, " ")
        if (w[1] == "column" && w[3] == "decimal") features++
        else if (w[1] == "label") { label[++labels] = w[2]; index_of[w[2]] = labels }
        next
    }
    FNR == 1 { next }
    {
        row = FNR - 1; class[row] = index_of[$(features + 1)]
        for (i = 1; i <= features; i++) x[row, i] = $i
    }
    END {
        folds = ENVIRON["FOLDS"] + 0
        if (folds < 2 || folds > row || folds != int(folds)) exit 3
        for (fold = 0; fold < folds; fold++) {
            for (c = 1; c <= labels; c++) { n[c] = 0; for (i = 1; i <= features; i++) sum[c, i] = 0 }
            for (r = 1; r <= row; r++) if ((r - 1) % folds != fold) {
                n[class[r]]++
                for (i = 1; i <= features; i++) sum[class[r], i] += x[r, i]
            }
            for (r = fold + 1; r <= row; r += folds) {
                best = 0
                for (c = 1; c <= labels; c++) if (n[c]) {
                    distance = 0
                    for (i = 1; i <= features; i++) { d = x[r, i] - sum[c, i] / n[c]; distance += d * d }
                    if (!best || distance < nearest) { best = c; nearest = distance }
                }
                guess[r] = best; hits += (best == class[r]); count[class[r], best]++
            }
        }
        out = ENVIRON["folder"] "/predictions.csv"
        print "row,fold,species,predicted" >out
        for (r = 1; r <= row; r++) print r "," (r - 1) % folds "," label[class[r]] "," label[guess[r]] >out
        out = ENVIRON["folder"] "/confusion.csv"
        line = "species"
        for (c = 1; c <= labels; c++) line = line "," label[c]
        print line >out
        for (a = 1; a <= labels; a++) {
            line = label[a]
            for (c = 1; c <= labels; c++) line = line "," count[a, c] + 0
            print line >out
        }
        print hits + 0, row >(ENVIRON["folder"] "/score")
    }' "$contract" "$data" || {
    [ $? -ne 3 ] || fail validation_failed "folds is $FOLDS, not a whole number from 2 to the number of rows"
    fail transient_io "cannot write the benchmark's results"
}
read -r correct total <"$tmp/score"
io rm "$tmp/score"
finish_folder benchmark

# Counts are compared, not rounded shares: 138 of 150 passes 0.92.
verdict=$(CORRECT=$correct TOTAL=$total awk 'BEGIN {
    min = ENVIRON["MIN_ACCURACY"]; share = ENVIRON["CORRECT"] / ENVIRON["TOTAL"]
    if (min !~ /^[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$/) { print "bad"; exit }
    if (ENVIRON["CORRECT"] + 1e-9 >= min * ENVIRON["TOTAL"]) printf "%.6g pass\n", share
    else printf "%.6g Accuracy %.1f%% below threshold %.6g%%\n", share, 100 * share, 100 * min
}')
[ "$verdict" != bad ] || fail config_error "min_accuracy is $MIN_ACCURACY, not a number"
accuracy=${verdict%% *}
# What was measured is handed on either way: an override goes on with it.
output "{\"accuracy\":$accuracy,\"correct\":$correct,\"total\":$total,\"folds\":$FOLDS}"
[ "${verdict#* }" = pass ] || fail hard_gate_failed "${verdict#* }"
echo "accuracy $accuracy ($correct of $total) reaches $MIN_ACCURACY"
