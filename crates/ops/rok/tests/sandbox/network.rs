//! The network: only loopback is used.

use crate::boxed::Boxed;
use rstest::rstest;
use std::net::TcpListener;

const TRIES: &str = r#"
import socket, sys
named, other, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
def connected(port):
    socket.create_connection(("127.0.0.1", port), 5).close()
def listens():
    server = socket.socket(); server.bind(("127.0.0.1", 0)); server.listen()
def listens_unbound():
    server = socket.socket(); server.listen()
def fast():
    client = socket.socket(); client.sendto(b"x", 0x20000000, ("127.0.0.1", other))
tries = {
    "named": lambda: connected(named),
    "other": lambda: connected(other),
    "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", named)),
    "unix": lambda: socket.socket(socket.AF_UNIX).connect(path),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "raw": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
    "mptcp": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262),
    "listens": listens,
    "listens_unbound": listens_unbound,
    "fast": fast,
    "pair": lambda: socket.socketpair(),
}
for name, one in tries.items():
    try:
        one(); print(name)
    except OSError as error:
        pass
"#;

#[rstest]
#[case::nobody("{}", "pair")]
#[case::nobody_by_name("{ network: none }", "pair")]
#[case::one_port("{ connect: [NAMED] }", "named pair")]
// Whoever listens on no port of its own gets one of the kernel's choice.
#[case::a_port_to_listen("{ bind: [NAMED] }", "listens_unbound pair")]
#[case::anybody(
    "{ network: any }",
    "named other udp unix netlink listens listens_unbound pair"
)]
fn whom_a_step_may_talk_to(#[case] sandbox: &str, #[case] reached: &str) {
    let servers = [0, 0].map(|_: u16| TcpListener::bind("127.0.0.1:0").unwrap());
    let [named, other] = servers
        .each_ref()
        .map(|one| one.local_addr().unwrap().port());
    let sandbox = sandbox.replace("NAMED", &named.to_string());
    let boxed = Boxed::new(
        &sandbox,
        &format!("python3 tries.py {named} {other} ../socket"),
    );
    let _socket = std::os::unix::net::UnixListener::bind(boxed.path("socket")).unwrap();
    std::fs::write(boxed.path("work/tries.py"), TRIES).unwrap();
    let Some(ran) = boxed.run() else { return };
    ran.exits(0);
    let log = boxed.log();
    // Whether there is multipath TCP, fast open, or a right to raw sockets, is
    // the machine's matter where anybody may be talked to.
    let open = sandbox.contains("any");
    let told = log
        .lines()
        .filter(|line| !(open && ["raw", "mptcp", "fast"].contains(line)));
    assert_eq!(told.collect::<Vec<_>>().join(" "), reached, "{log}");
}
