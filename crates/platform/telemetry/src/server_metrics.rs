//! The metrics of a server. Labels are closed words: an operation's name comes
//! from the server's own table, never from a request.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Counts what a server is asked, and how much it holds.
#[derive(Debug)]
pub struct ServerMetrics {
    registry: Registry,
    requests: IntCounterVec,
    broken: IntCounter,
    connections: IntGauge,
    streams: IntGauge,
    driven: IntGauge,
    waiting: IntGauge,
}

impl Default for ServerMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl ServerMetrics {
    /// Nothing was counted yet.
    ///
    /// # Panics
    ///
    /// Never: the names and labels are constants that a test registers.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let gauge = |name, help| {
            let gauge = IntGauge::new(name, help).expect("a valid name");
            let registered = registry.register(Box::new(gauge.clone()));
            registered.expect("each name is registered once");
            gauge
        };
        let connections = gauge("rok_http_connections", "Connections that are open.");
        let streams = gauge("rok_http_streams", "Clients that follow a run.");
        let driven = gauge("rok_runs_driven", "Runs that are driven now.");
        let waiting = gauge("rok_runs_queued", "Runs that wait to be driven.");
        let help = "Requests, by operation and class of status.";
        let options = Opts::new("rok_http_requests_total", help);
        let requests = IntCounterVec::new(options, &["operation", "status"]);
        let requests = requests.expect("a valid name and labels");
        let registered = registry.register(Box::new(requests.clone()));
        registered.expect("each name is registered once");
        let help = "Runs that were found broken since the server was started.";
        let broken = IntCounter::new("rok_runs_broken_total", help).expect("a valid name");
        let registered = registry.register(Box::new(broken.clone()));
        registered.expect("each name is registered once");
        Self {
            registry,
            requests,
            broken,
            connections,
            streams,
            driven,
            waiting,
        }
    }

    /// A request to an operation was answered with a status.
    pub fn answered(&self, operation: &'static str, status: u16) {
        let class = match status {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        self.requests.with_label_values(&[operation, class]).inc();
    }

    /// One more run was found broken.
    pub fn found_broken(&self) {
        self.broken.inc();
    }

    /// A connection was opened, or closed by `-1`.
    pub fn connections(&self, change: i64) {
        self.connections.add(change);
    }

    /// A client began to follow a run, or stopped by `-1`.
    pub fn streams(&self, change: i64) {
        self.streams.add(change);
    }

    /// So many runs are driven now, and so many wait for it.
    pub fn runs(&self, driven: usize, waiting: usize) {
        self.driven.set(i64::try_from(driven).unwrap_or(i64::MAX));
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// Everything in the Prometheus text format, version 0.0.4.
    ///
    /// # Panics
    ///
    /// Never: a buffer in memory takes everything, and the format is UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        crate::text::text(&self.registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_class() {
        let metrics = ServerMetrics::new();
        metrics.answered("list_runs", 200);
        metrics.answered("list_runs", 204);
        metrics.answered("list_runs", 404);
        metrics.connections(2);
        metrics.connections(-1);
        metrics.runs(3, 4);
        metrics.found_broken();
        let text = metrics.text();
        for line in [
            "rok_http_requests_total{operation=\"list_runs\",status=\"2xx\"} 2",
            "rok_http_requests_total{operation=\"list_runs\",status=\"4xx\"} 1",
            "rok_http_connections 1",
            "rok_runs_driven 3",
            "rok_runs_queued 4",
            "rok_runs_broken_total 1",
        ] {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
    }
}
