#!/bin/sh
# Puts together what a data steward needs to judge the data: the staged files,
# the benchmark's evidence, and a manifest with the hash of each.
# Env: DATASET, SOURCE_SHA256, ROWS, ACCURACY, FOLDS, MIN_ACCURACY.
set -eu
. "${0%/*}/process_contract.sh"
. "${0%/*}/manifest.sh"
require DATASET "${DATASET:-}"
require SOURCE_SHA256 "${SOURCE_SHA256:-}"
require ROWS "${ROWS:-}"
require ACCURACY "${ACCURACY:-}"
require FOLDS "${FOLDS:-}"
require MIN_ACCURACY "${MIN_ACCURACY:-}"
for part in staged benchmark; do
    [ -d "$ROK_ARTIFACTS/$part" ] || fail contract_input_missing "Missing $part of an earlier step"
done

begin_folder bundle
io cp -R "$ROK_ARTIFACTS/staged/source" "$ROK_ARTIFACTS/staged/by_class" "$ROK_ARTIFACTS/benchmark" "$tmp/"
write_manifest "$tmp" "  \"schema\": 1,
  \"kind\": \"steward_bundle\",
  \"dataset\": \"$DATASET\",
  \"source_sha256\": \"$SOURCE_SHA256\",
  \"rows\": $ROWS,
  \"accuracy\": $ACCURACY,
  \"folds\": $FOLDS,
  \"min_accuracy\": $MIN_ACCURACY,"
manifest_sha256=$(sha256_of "$tmp/manifest.json")
check_manifest "$tmp" "$manifest_sha256"
finish_folder bundle

output "{\"manifest_sha256\":\"$manifest_sha256\",\"files\":$files}"
echo "bundle of $files files, manifest $manifest_sha256"
