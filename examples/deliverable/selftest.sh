#!/bin/sh
# Runs the steps by hand, each with the environment that the process contract
# gives it, and checks what they make and how they refuse. Needs no runner.
# Usage: sh selftest.sh      (SH=… and AWK=… choose one shell and awk)
set -eu
LC_ALL=C
export LC_ALL

here=$(cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/deliverable.XXXXXX")
trap 'rm -rf "$work"' EXIT
checks=0

check() { # WHAT COMMAND…
    what=$1
    shift
    if ! "$@"; then
        echo "FAILED: $what" >&2
        [ ! -f "$work/log" ] || cat "$work/log" >&2
        exit 1
    fi
    checks=$((checks + 1))
}
same() { [ "$1" = "$2" ] || { echo "got:  $1" && echo "want: $2" && false; }; }
has() { grep -qF -- "$2" "$1" || { echo "no '$2' in $1:" && cat "$1" && false; }; }
absent() { [ ! -e "$1" ] || { echo "$1 is there" && false; }; }

# A fresh copy of the example and an empty run folder.
fresh() {
    rm -rf "$work/example" "$work/run"
    mkdir -p "$work/example" "$work/run/artifacts" "$work/tmp"
    cp -R "$here/data" "$here/steps" "$work/example/"
    min_accuracy=0.9 folds=150 dataset=iris run_id=run-1
    sha256='' rows='' accuracy='' correct='' total='' bundle='' deliverable=''
}

# step NAME: runs it, sets `code`; its streams are in $work/log. The variables
# are what plan.yaml passes, so a name that a step does not read is harmless.
step() {
    rm -f "$work/output" "$work/error"
    code=0
    (cd "$work/example" && env -i PATH="$tools:$PATH" HOME="$HOME" TMPDIR="$work/tmp" LANG=de_DE.UTF-8 \
        ROK_RUN_ID="$run_id" ROK_STEP_ID="$1" ROK_ATTEMPT=0 ROK_ARTIFACTS="$work/run/artifacts" \
        ROK_OUTPUT="$work/output" ROK_ERROR="$work/error" \
        DATASET="$dataset" MIN_ACCURACY="$min_accuracy" FOLDS="$folds" PUBLISH_DIR=published \
        SOURCE_SHA256="$sha256" ROWS="$rows" ACCURACY="$accuracy" CORRECT="$correct" TOTAL="$total" \
        BUNDLE_SHA256="$bundle" DELIVERABLE_SHA256="$deliverable" \
        "$tools/sh" "steps/$1.sh") >"$work/log" 2>&1 || code=$?
}
output() { # KEY: its value in what the step handed on
    awk -v key="\"$1\":" '{
        value = substr($0, index($0, key) + length(key))
        sub(/[,}].*/, "", value); gsub(/"/, "", value); print value
    }' "$work/output"
}
passes() {
    step "$1"
    check "$1 passes" same "$code" 0
    check "$1 names no error" absent "$work/error"
    case $1 in
    preflight_contract_check) sha256=$(output sha256) rows=$(output rows) ;;
    phase_benchmark) accuracy=$(output accuracy) correct=$(output correct) total=$(output total) ;;
    build_steward_bundle) bundle=$(output manifest_sha256) ;;
    build_minimal_deliverable) deliverable=$(output manifest_sha256) ;;
    esac
}
refuses() { # NAME CODE CLASS REASON-PART
    step "$1"
    check "$1 exits $2" same "$code" "$2"
    check "$1 names $3" has "$work/error" "\"class\":\"$3\""
    check "$1 says why" has "$work/error" "$4"
    [ "$3" = hard_gate_failed ] || check "$1 hands nothing on" absent "$work/output"
}
up_to() {
    for name in preflight_contract_check phase_benchmark stage_data_layout build_steward_bundle \
        validate_bundle_quality build_minimal_deliverable verify_artifacts publish_internal; do
        passes "$name"
        [ "$name" != "$1" ] || return 0
    done
}
edit() { awk "$1" "$2" >"$work/edited" && mv "$work/edited" "$2"; }

whole_run() {
    fresh
    up_to publish_internal
    out=$work/example/published/run-1
    check "accuracy" same "$accuracy $correct $total" "0.92 138 150"
    check "published manifest" same "$(sha256sum <"$out/manifest.json" | cut -d ' ' -f 1)" "$deliverable"
    check "published files" same "$(cd "$out" && echo *)" "SOURCE.md centroids.csv confusion.csv manifest.json report.md"
    check "centroid" has "$out/centroids.csv" "setosa,50,5.006,3.428,1.462,0.246"
    check "centroid" has "$out/centroids.csv" "versicolor,50,5.936,2.770,4.260,1.326"
    check "centroid" has "$out/centroids.csv" "virginica,50,6.588,2.974,5.552,2.026"
    check "confusion" has "$out/confusion.csv" "setosa,50,0,0"
    check "report" has "$out/report.md" "Accuracy: 92.0% (138 of 150 rows), threshold 90%."
    check "no working files" same "$(find "$work/run" "$work/example" -name '.tmp-*')" ""
    check "receipt" has "$work/run/artifacts/publish/receipt.json" '"run_id":"run-1"'
    # A second attempt of each step, as after a crash, changes no byte.
    made=$(cd "$work/run/artifacts" && find . -type f -exec sha256sum {} + | sort)
    up_to publish_internal
    check "repeatable" same "$(cd "$work/run/artifacts" && find . -type f -exec sha256sum {} + | sort)" "$made"
    # Another run beside it publishes beside it.
    run_id=run-2
    passes publish_internal
    check "two runs" same "$(cd "$work/example/published" && echo *)" "run-1 run-2"
    # Whatever shell and awk: the same deliverable.
    : "${first:=$deliverable}"
    check "same bytes everywhere" same "$deliverable" "$first"
}

refusals() {
    # The input contract.
    fresh && rm "$work/example/data/iris.csv"
    refuses preflight_contract_check 66 contract_input_missing "Missing input file data/iris.csv"
    fresh && dataset=tulips
    refuses preflight_contract_check 66 contract_input_missing "Missing input file data/tulips.csv"
    fresh && dataset=../iris
    refuses preflight_contract_check 65 validation_failed "is not of [a-z0-9_-]"
    fresh && dataset=''
    refuses preflight_contract_check 78 config_error "DATASET is not set"
    fresh && edit 'NR == 2 { sub(/5\.1/, "5.2") } { print }' "$work/example/data/iris.csv"
    refuses preflight_contract_check 65 validation_failed "has sha256 "
    fresh && edit 'NR < 151' "$work/example/data/iris.csv"
    refuses preflight_contract_check 65 validation_failed "149 rows, contract says 150; 49 rows of virginica, contract says 50"
    fresh && edit 'NR == 1 { sub(/species/, "class") } { print }' "$work/example/data/iris.csv"
    refuses preflight_contract_check 65 validation_failed "petal_width_cm,class, contract says"
    fresh && edit 'NR == 7 { sub(/5\.4/, "5,4") } { print }' "$work/example/data/iris.csv"
    refuses preflight_contract_check 65 validation_failed "line 7: 6 columns, contract says 5"
    fresh && edit 'NR == 7 { sub(/5\.4/, "\"54\\") } { print }' "$work/example/data/iris.csv"
    refuses preflight_contract_check 65 validation_failed 'line 7: sepal_length_cm is \"54\\, not a decimal'
    fresh && edit 'NR == 7 { sub(/5\.4/, "54.0") } { print }' "$work/example/data/iris.csv"
    refuses preflight_contract_check 65 validation_failed "line 7: sepal_length_cm is 54.0, outside 4.0 to 8.0"
    fresh && edit 'NR == 9 { print last; next } { last = $0; print }' "$work/example/data/iris.csv"
    refuses preflight_contract_check 65 validation_failed "2 repeated rows, contract says 1"
    fresh && : >"$work/example/data/iris.csv"
    refuses preflight_contract_check 65 validation_failed "0 rows, contract says 150"

    # The benchmark's gate: measured, not declared, and exact at its edge.
    fresh && min_accuracy=0.999
    passes preflight_contract_check
    refuses phase_benchmark 1 hard_gate_failed '"reason":"Accuracy 92.0% below threshold 99.9%"'
    check "the measure is handed on" has "$work/output" '"accuracy":0.92,"correct":138,"total":150,"folds":150'
    check "evidence is kept" has "$work/run/artifacts/benchmark/confusion.csv" "species,setosa,versicolor,virginica"
    min_accuracy=0.92
    passes phase_benchmark
    min_accuracy=0.9201
    refuses phase_benchmark 1 hard_gate_failed "Accuracy 92.0% below threshold 92.01%"
    min_accuracy=0,9
    refuses phase_benchmark 78 config_error "is 0,9, not a number"
    min_accuracy=0.9 folds=5
    passes phase_benchmark
    check "five folds" same "$correct" 139
    folds=151
    refuses phase_benchmark 65 validation_failed "folds is 151"
    folds=150
    edit 'NR == 2 { sub(/5\.1/, "5.2") } { print }' "$work/example/data/iris.csv"
    refuses phase_benchmark 65 validation_failed "has sha256 "
    refuses stage_data_layout 65 validation_failed "has sha256 "

    # Trouble with the disk is another class: the plan tries it again.
    fresh
    up_to phase_benchmark
    mv "$work/example/data/README.md" "$work/example/README.md"
    refuses stage_data_layout 75 transient_io "cp data/README.md"
    check "nothing half made" absent "$work/run/artifacts/staged"
    mv "$work/example/README.md" "$work/example/data/"
    passes stage_data_layout

    # The bundle.
    fresh
    up_to build_steward_bundle
    kept=$work/kept && rm -rf "$kept" && cp -R "$work/run/artifacts" "$kept"
    again() { rm -rf "$work/run/artifacts" && cp -R "$kept" "$work/run/artifacts"; }
    in_bundle=$work/run/artifacts/bundle
    echo x >>"$in_bundle/by_class/setosa.csv"
    refuses validate_bundle_quality 65 validation_failed "changed by_class/setosa.csv"
    again && rm "$in_bundle/benchmark/confusion.csv"
    refuses validate_bundle_quality 65 validation_failed "missing benchmark/confusion.csv"
    again && echo x >"$in_bundle/extra"
    refuses validate_bundle_quality 65 validation_failed "unlisted extra"
    again && ln -s /etc/hostname "$in_bundle/link"
    refuses validate_bundle_quality 65 validation_failed "neither file nor folder"
    again && edit '{ sub(/0\.92/, "0.99"); print }' "$in_bundle/manifest.json"
    refuses validate_bundle_quality 65 validation_failed "manifest.json has sha256 "
    # Bad content that its own manifest lists faithfully.
    rebuilt() { # AWK-PROGRAM REASON
        again && edit "$1" "$work/run/artifacts/staged/by_class/setosa.csv"
        passes build_steward_bundle
        refuses validate_bundle_quality 65 validation_failed "$2"
    }
    rebuilt 'NR == 3 { sub(/^2,/, "1,") } { print }' "row 1 is there twice"
    rebuilt 'NR == 3 { sub(/setosa/, "virginica") } { print }' "row 2 is virginica, filed under setosa"
    rebuilt 'NR != 3' "149 rows, the source has 150; 49 rows of setosa, contract says 50; class balance 0.98 below 1.00"
    rebuilt 'NR == 3 { sub(/4\.9/, "4.8") } { print }' "has sha256 "

    # The deliverable.
    again
    passes build_steward_bundle
    passes build_minimal_deliverable
    echo x >>"$work/run/artifacts/deliverable/report.md"
    refuses verify_artifacts 65 validation_failed "changed report.md"
    refuses publish_internal 65 validation_failed "changed report.md"
    check "nothing published" same "$(ls -A "$work/example/published")" ""
    passes build_minimal_deliverable
    correct=139
    refuses verify_artifacts 65 validation_failed "counted again: 138 of 150 rows are right, the benchmark said 139 of 150"
    correct=138
    passes verify_artifacts
    passes publish_internal
    echo x >>"$work/example/published/run-1/report.md"
    refuses publish_internal 65 validation_failed "changed report.md"
    run_id=..
    refuses publish_internal 78 config_error "cannot name a folder"
}

# The data set is the UCI file, but for the changes that data/README.md names.
uci=$(awk -F, -v OFS=, '
    NR == 1 { next }
    NR == 36 { $4 = "0.1" }
    NR == 39 { $2 = "3.1"; $3 = "1.5" }
    { $5 = "Iris-" $5; print }
    END { print "" }' "$here/data/iris.csv" | sha256sum | cut -d ' ' -f 1)
check "UCI file" same "$uci" 6f608b71a7317216319b4d27b4d9bc84e6abd734eda7872b71a458569e2656c0

# Every shell and awk that is installed, or the one that was asked for.
for shell in ${SH:-sh dash bash "busybox:sh"}; do
    for awk in ${AWK:-awk mawk gawk original-awk "busybox:awk"}; do
        command -v "${shell%:*}" >/dev/null || continue
        command -v "${awk%:*}" >/dev/null || continue
        tools=$work/tools && rm -rf "$tools" && mkdir "$tools"
        ln -s "$(command -v "${shell%:*}")" "$tools/sh"
        ln -s "$(command -v "${awk%:*}")" "$tools/awk"
        whole_run
        refusals
        echo "ok: ${shell%:*}, ${awk%:*}"
    done
done
echo "$checks checks passed"
