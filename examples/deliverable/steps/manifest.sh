# Sourced by the steps that write or check a folder's manifest.json.
# shellcheck shell=sh

# manifest_entries FOLDER: a line per file, sorted by path, without the manifest.
manifest_entries() {
    odd=$(find "$1" ! -type f ! -type d) || fail transient_io "cannot list $1"
    [ -z "$odd" ] || fail validation_failed "neither file nor folder: $odd"
    paths=$(cd "$1" && find . -type f ! -path ./manifest.json | sort) || fail transient_io "cannot list $1"
    end=
    echo "$paths" | while IFS= read -r path; do
        digest=$(sha256_of "$1/$path")
        bytes=$(wc -c <"$1/$path")
        lines=$(wc -l <"$1/$path")
        printf '%b    {"path":"%s","sha256":"%s","bytes":%d,"lines":%d}' \
            "$end" "${path#./}" "$digest" "$bytes" "$lines"
        end=',\n'
    done
}

# write_manifest FOLDER MEMBERS: MEMBERS are the lines of JSON before "files".
write_manifest() {
    entries=$(manifest_entries "$1") || exit $?
    printf '{\n%s\n  "files": [\n%s\n  ]\n}\n' "$2" "$entries" >"$1/manifest.json" ||
        fail transient_io "cannot write $1/manifest.json"
}

# check_manifest FOLDER SHA256: the manifest is the one that was made, it lists
# every file, and every file is still what it lists. Sets `files`, their number.
check_manifest() {
    [ -f "$1/manifest.json" ] || fail contract_input_missing "Missing $1/manifest.json"
    expect_sha256 "$1/manifest.json" "$2"
    entries=$(manifest_entries "$1") || exit $?
    faults=$(ENTRIES=$entries awk '
        function path_of(line) { sub(/^ *\{"path":"/, "", line); sub(/".*/, "", line); return line }
        BEGIN {
            n = split(ENVIRON["ENTRIES"], line, "\n")
            for (i = 1; i <= n; i++) { sub(/,$/, "", line[i]); found[path_of(line[i])] = line[i] }
        }
        /^    \{"path":/ {
            sub(/,$/, ""); path = path_of($0); listed[path] = 1
            if (!(path in found)) print "missing " path
            else if (found[path] != $0) print "changed " path
        }
        END {
            for (i = 1; i <= n; i++) if (!(path_of(line[i]) in listed)) print "unlisted " path_of(line[i])
        }' "$1/manifest.json") || fail transient_io "cannot read $1/manifest.json"
    [ -z "$faults" ] || fail validation_failed "${1##*/} is not what its manifest lists: $faults"
    # shellcheck disable=SC2034 # the caller reads it
    files=$(grep -c '^    {"path":' "$1/manifest.json") || fail validation_failed "$1/manifest.json lists no file"
}
