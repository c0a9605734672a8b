#!/bin/sh
# Shows what becomes of a step whose agent dies in the middle of it (`dies`), answers too late (`late`) or signs by a key that is
# not its own (`forges`): ./show.sh dies|late|forges [FOLDER]. It takes `rok` and `rok-agent` from the path.
set -eu
how=${1:?dies, late or forges}
here=$(cd "$(dirname "$0")" && pwd)
folder=${2:-$(mktemp -d)}
mkdir -p "$folder"
cd "$folder"
started=
# The work of an agent that was killed outlives it.
trap 'for pid in $started $(cat work.pid 2>/dev/null); do kill "$pid" 2>/dev/null || :; done' EXIT

# Starts an agent: its id, its key, and its program. Its address is the one line that it prints.
start() {
    id=$1 key=$2
    shift 2
    mkfifo "$id.says"
    rok-agent --id "$id" --can digest --key "$key" --listen 127.0.0.1:0 -- "$@" >"$id.says" 2>"$id.err" &
    last=$!
    started="$started $last"
    read -r url <"$id.says"
}

for key in far here somebody; do rok key new --out "$key.pem" >/dev/null; done
count='grep -o "\"text\":\"[^\"]*" | wc -w | sed "s/.*/{\"words\": &}/"'
signs=far.pem
case $how in
dies | late) program="echo \$\$ >work.pid; touch begun; exec sleep 600" ;;
forges) program=$count signs=somebody.pem ;;
*) echo "dies, late or forges, not $how" >&2 && exit 2 ;;
esac
start far "$signs" sh -c "$program"
far=$url victim=$last
start here here.pem sh -c "$count"
cat >agents.toml <<TOML
federation = "remote_prefer"
heartbeat = "200ms"
silence = "2s"

[agents.far]
url = "$far"
capabilities = ["digest"]
trust_level = "SIGNED"
key = "far.pem.pub"

[agents.here]
url = "$url"
capabilities = ["digest"]
trust_level = "SIGNED"
key = "here.pem.pub"
local = true
TOML
export ROK_AGENTS=agents.toml

if [ "$how" = dies ]; then
    # As soon as its work has begun, it is gone.
    (
        until [ -e begun ]; do sleep 0.05; done
        kill -9 "$victim"
    ) &
fi
rok run "$here/plan.yaml" --run-id "$how" --quiet
echo
rok events "$how" --step digest
echo
rok explain "$how" digest
echo
rok agents list
rok verify "$how"
