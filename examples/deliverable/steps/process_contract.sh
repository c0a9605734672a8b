# Sourced by every step: how a step speaks to the runner. Never run by itself.
#
# In: ROK_ARTIFACTS (the run's folder), ROK_STEP_ID. Out: ROK_OUTPUT, ROK_ERROR.
# A step fails with a class, an exit code that means the same, and a reason.
# shellcheck shell=sh

# Decimal points and sort order must not depend on the machine.
LC_ALL=C
export LC_ALL

# json_string TEXT: TEXT as a JSON string, control characters made blank.
json_string() {
    TEXT=$1 awk 'BEGIN {
        s = ENVIRON["TEXT"]; out = ""
        for (i = 1; i <= length(s); i++) {
            c = substr(s, i, 1)
            if (c == "\\" || c == "\"") c = "\\" c
            else if (c ~ /[[:cntrl:]]/) c = " "
            out = out c
        }
        print "\"" out "\""
    }'
}

# fail CLASS REASON: names the failure for the runner and ends the step.
fail() {
    echo "$1: $2" >&2
    if [ -n "${ROK_ERROR:-}" ]; then
        printf '{"class":"%s","reason":%s}\n' "$1" "$(json_string "$2")" >"$ROK_ERROR"
    fi
    case $1 in
    validation_failed) exit 65 ;;
    contract_input_missing) exit 66 ;;
    transient_io) exit 75 ;;
    config_error) exit 78 ;;
    *) exit 1 ;;
    esac
}

# require NAME VALUE: the plan must hand VALUE on.
require() {
    [ -n "$2" ] || fail config_error "$1 is not set; plan.yaml sets it in the step's env"
}

# io COMMAND…: file work that may go well the next time (disk full, busy mount).
io() {
    "$@" || fail transient_io "$*"
}

# sha256_of FILE
sha256_of() {
    if command -v sha256sum >/dev/null; then
        digest=$(sha256sum <"$1") || fail transient_io "cannot read $1"
    elif command -v shasum >/dev/null; then
        digest=$(shasum -a 256 <"$1") || fail transient_io "cannot read $1"
    else
        fail config_error "neither sha256sum nor shasum is installed"
    fi
    echo "${digest%% *}"
}

# expect_sha256 FILE SHA256
expect_sha256() {
    actual=$(sha256_of "$1") || exit $?
    [ "$actual" = "$2" ] || fail validation_failed "$1 has sha256 $actual, expected $2"
}

# output JSON: becomes steps.NAME.outputs.
output() {
    printf '%s\n' "$1" >"${ROK_OUTPUT:-/dev/null}" || fail transient_io "cannot write ROK_OUTPUT"
}

# A folder is built under a name of its own and takes its place in one rename,
# so an attempt that was cut short leaves nothing that looks finished.
begin_folder() {
    tmp=$ROK_ARTIFACTS/.tmp-$1
    io rm -rf "$tmp"
    io mkdir -p "$tmp"
}
finish_folder() {
    io rm -rf "${ROK_ARTIFACTS:?}/$1"
    io mv "$ROK_ARTIFACTS/.tmp-$1" "$ROK_ARTIFACTS/$1"
}

require ROK_ARTIFACTS "${ROK_ARTIFACTS:-}"
[ -d "$ROK_ARTIFACTS" ] || fail config_error "ROK_ARTIFACTS is no folder: $ROK_ARTIFACTS"
