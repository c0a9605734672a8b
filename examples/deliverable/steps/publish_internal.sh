#!/bin/sh
# Copies the deliverable to PUBLISH_DIR/RUN-ID, in one rename: a reader sees
# all of it or none. Approval may come days later, so the copy is hashed once
# more; published is what was verified, or nothing.
# Env: PUBLISH_DIR, DELIVERABLE_SHA256.
set -eu
. "${0%/*}/process_contract.sh"
. "${0%/*}/manifest.sh"
require PUBLISH_DIR "${PUBLISH_DIR:-}"
require DELIVERABLE_SHA256 "${DELIVERABLE_SHA256:-}"
require ROK_RUN_ID "${ROK_RUN_ID:-}"
case $ROK_RUN_ID in
.* | */*) fail config_error "run id '$ROK_RUN_ID' cannot name a folder" ;;
esac
[ -d "$ROK_ARTIFACTS/deliverable" ] || fail contract_input_missing "Missing deliverable of an earlier step"

io mkdir -p -- "$PUBLISH_DIR"
root=$(cd -- "$PUBLISH_DIR" && pwd) || fail transient_io "cannot enter $PUBLISH_DIR"
target=$root/$ROK_RUN_ID
if [ -e "$target" ]; then
    # An attempt that was cut short after the rename: done, if it is the same.
    check_manifest "$target" "$DELIVERABLE_SHA256"
else
    copy=$root/.tmp-$ROK_RUN_ID
    trap 'rm -rf "$copy"' EXIT
    io rm -rf "$copy"
    io cp -R "$ROK_ARTIFACTS/deliverable" "$copy"
    check_manifest "$copy" "$DELIVERABLE_SHA256"
    io mv "$copy" "$target"
fi

receipt="{\"run_id\":\"$ROK_RUN_ID\",\"path\":$(json_string "$target"),\"manifest_sha256\":\"$DELIVERABLE_SHA256\",\"files\":$files}"
begin_folder publish
echo "$receipt" >"$tmp/receipt.json" || fail transient_io "cannot write the receipt"
finish_folder publish
output "$receipt"
echo "published $files files to $target"
