#!/bin/sh
# Takes a private copy of the data set and lays it out: the source as it came,
# and a file per class whose rows carry the number they have in the source.
# Env: DATASET, SOURCE_SHA256.
set -eu
. "${0%/*}/process_contract.sh"
. "${0%/*}/dataset.sh"
require SOURCE_SHA256 "${SOURCE_SHA256:-}"

begin_folder staged
io mkdir "$tmp/source" "$tmp/by_class"
io cp "$data" "$contract" "$tmp/source/"
io cp data/README.md "$tmp/source/README.md"
# The copy is checked, not the file: what is checked is what is used.
expect_sha256 "$tmp/source/$DATASET.csv" "$SOURCE_SHA256"

counts=$(folder=$tmp/by_class awk -F, '
    FNR == 1 { header = "row," $0; next }
    {
        out = ENVIRON["folder"] "/" $NF ".csv"
        if (!rows[$NF]++) { classes++; print header >out }
        print FNR - 1 "," $0 >out
    }
    END { print FNR - 1, classes + 0 }' "$tmp/source/$DATASET.csv") || fail transient_io "cannot write the layout"
finish_folder staged

output "{\"rows\":${counts% *},\"classes\":${counts#* }}"
echo "staged ${counts% *} rows in ${counts#* } classes"
