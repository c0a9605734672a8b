#!/bin/sh
# Refuses input that is not what its contract says, before any work is done.
# Env: DATASET.
set -eu
. "${0%/*}/process_contract.sh"
. "${0%/*}/dataset.sh"

# Content first, so that a wrong file is told by its rows and not by its hash
# alone. One fault a line; the last line counts rows, columns and labels.
findings=$(awk -F, '
    function fault(text) { if (++faults <= 3) print text }
    FNR == 1 { file++ }
    file == 1 {
        split($0, w, " ")
        if (w[1] == "rows") want_rows = w[2]
        else if (w[1] == "repeats") want_repeats = w[2]
        else if (w[1] == "column") { name[++columns] = w[2]; type[columns] = w[3]; least[columns] = w[4]; most[columns] = w[5] }
        else if (w[1] == "label") { label[++labels] = w[2]; want[w[2]] = w[3]; have[w[2]] = 0 }
        next
    }
    FNR == 1 {
        header = name[1]
        for (i = 2; i <= columns; i++) header = header "," name[i]
        if ($0 != header) fault("columns are " $0 ", contract says " header)
        next
    }
    {
        rows++
        if (NF != columns) { fault("line " FNR ": " NF " columns, contract says " columns); next }
        for (i = 1; i <= columns; i++) {
            if (type[i] == "label") {
                if ($i in want) have[$i]++
                else fault("line " FNR ": " name[i] " is " $i ", not a label")
            } else if ($i !~ /^[0-9]+[.][0-9]$/) fault("line " FNR ": " name[i] " is " $i ", not a decimal")
            else if ($i + 0 < least[i] + 0 || $i + 0 > most[i] + 0)
                fault("line " FNR ": " name[i] " is " $i ", outside " least[i] " to " most[i])
        }
        if (seen[$0]++) repeats++
    }
    END {
        if (rows != want_rows) fault(rows + 0 " rows, contract says " want_rows)
        for (i = 1; i <= labels; i++)
            if (have[label[i]] != want[label[i]]) fault(have[label[i]] " rows of " label[i] ", contract says " want[label[i]])
        if (repeats + 0 != want_repeats) fault(repeats + 0 " repeated rows, contract says " want_repeats)
        if (faults > 3) print "and " faults - 3 " more"
        if (!faults) print "ok " rows " " columns " " labels
    }' "$contract" "$data") || fail transient_io "cannot read $data"

case $findings in
"ok "*) ;;
*) fail validation_failed "$data: $(echo "$findings" | awk '{ printf "%s%s", end, $0; end = "; " }')" ;;
esac

sha256=$(awk '$1 == "sha256" { print $2 }' "$contract")
expect_sha256 "$data" "$sha256"

# shellcheck disable=SC2086 # four words: ok, rows, columns, labels
set -- $findings
output "{\"sha256\":\"$sha256\",\"rows\":$2,\"columns\":$3,\"classes\":$4}"
echo "$data keeps its contract: $2 rows, $3 columns, $4 classes"
