// The command line of `swift-demucs serve`, which the module Program runs.

enum ServeCommand {
    static let command = Command(
        name: "serve",
        overview: "Run a service with a web page, by default for this machine alone.",
        topics: [
            "MODEL": [.name, .member, .config, .repo, .offline, .heardPrecision],
            "SERVICE": [
                .host, .port, .data, .serveJobs, .keep, .diskQuota, .cacheQuota, .web, .threads,
            ],
            "ACCESS": [.tokenFile, .allowHost, .allowOrigin, .trustedProxy, .allowFFmpeg],
            "LIMITS": [
                .maxBody, .maxLength, .maxQueue, .maxFinished, .maxWork, .maxConnections,
            ],
            "OTHER": [.quiet, .verbose, .version, .help],
        ], exclusive: [[.quiet, .verbose]],
        examples: [
            "swift-demucs serve": "Then open http://127.0.0.1:8765 in a browser.",
            "swift-demucs serve -n demo --port 9000 --keep 24h --disk-quota 20GB":
                "Another model and port; results are deleted after a day, or when they fill 20 GB.",
            "curl -T song.mp3 http://127.0.0.1:8765/v1/separate/vocals.wav > vocals.wav":
                "From a shell, while the service runs.",
        ], run: nil)
}

extension Option {
    package static let host = Option(
        "host", value: "address",
        help:
            "The address to listen on. An address other than loopback, such as 0.0.0.0, "
            + "requires --token-file. (default: 127.0.0.1)")
    package static let port = Option(
        "port", value: "n", help: "The port; 0 chooses a free one. (default: 8765)")
    package static let data = Option(
        "data", value: "folder",
        help: "The folder of jobs and results. (default: swift-demucs in XDG_DATA_HOME or "
            + "~/.local/share)")
    package static let serveJobs = Option(
        "jobs", short: "j", value: "n",
        help: "Jobs to run at once, which share --threads. (default: 1)")
    package static let keep = Option(
        "keep", value: "time",
        help: "Remove finished jobs after this time, such as 24h or 7d. (default: never)")
    package static let diskQuota = Option(
        "disk-quota", value: "size",
        help:
            "Limit results and their copies to this size, such as 20GB, at least 10MB: the copies "
            + "are removed first, then the oldest results. (default: no limit)")
    package static let cacheQuota = Option(
        "cache-quota", value: "size",
        help:
            "Limit the results' copies in other formats, mixes and waveforms to this size: the least "
            + "recently used are removed first. (default: 2GB)")
    package static let tokenFile = Option(
        "token-file", value: "file",
        help: "A file with the tokens that clients must send, one a line. A line NAME:TOKEN gives "
            + "the user NAME jobs of their own.")
    package static let allowHost = Option(
        "allow-host", value: "name",
        help: "Another name of the service, as a reverse proxy passes it on. Can be repeated.")
    package static let allowOrigin = Option(
        "allow-origin", value: "origin",
        help: "Another site whose pages may use the service, such as https://example.org. Can be "
            + "repeated.")
    package static let trustedProxy = Option(
        "trusted-proxy", value: "address",
        help:
            "A reverse proxy whose X-Forwarded-For tells the client's address, by which connections are "
            + "limited, requests take turns, and refused tokens are logged. Can be repeated.")
    package static let web = Option(
        "web", value: "folder",
        help: "Offer separation in the browser too: the folder dist/web of tools/build_web.")
    package static let allowFFmpeg = Option(
        "allow-ffmpeg",
        help: "Decode formats that libsndfile doesn't know with the ffmpeg on PATH.")
    package static let maxBody = Option(
        "max-body", value: "size", help: "The largest upload. (default: 4.3GB)")
    package static let maxLength = Option(
        "max-length", value: "time", help: "The longest track. (default: 4h)")
    package static let maxQueue = Option(
        "max-queue", value: "n", help: "Jobs that may wait. (default: 100)")
    package static let maxFinished = Option(
        "max-finished", value: "n",
        help: "Finished jobs to keep; older ones are removed. (default: 10000)")
    package static let maxConnections = Option(
        "max-connections", value: "n",
        help:
            "Connections of a client's address, of IPv6 of its network of 64 bits. Behind a proxy that is not "
            + "trusted, whose address all clients share, 4096 is right. (default: 256)")
    package static let maxWork = Option(
        "max-work", value: "n",
        help: "The most work of a job, as a multiple of the default options' work for the same "
            + "track and model. (default: 20)")
}
