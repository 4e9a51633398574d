// How far a download is: a line for each file, and on a terminal a bar with rate and time left.

import Foundation
import Separation

struct DownloadDisplay {
    private let console: Console
    private let isBarShown: Bool
    private var start = ContinuousClock.now
    /// Bytes that were there when this run began.
    private var resumedBytes = 0
    private var lastDrawn: ContinuousClock.Instant?

    init(console: Console) {
        self.console = console
        isBarShown = console.isTerminal && !console.isQuiet
    }

    mutating func update(_ event: DownloadEvent) {
        switch event {
        case .waiting(let file):
            console.status("Waiting for another process that downloads \(file)")
        case .started(let url, let file, let resumed, let total):
            start = .now
            resumedBytes = resumed
            let size = total.map { " (\(DownloadDisplay.megabytes($0)) MB)" } ?? ""
            let verb = resumed > 0 ? "Going on with the download of" : "Downloading"
            end()
            console.status("\(verb) \(file)\(size) from \(url)")
        case .progress(_, let received, let total):
            draw(received, total)
        case .retrying(let error, let seconds):
            end()
            console.status("\(error); trying again in \(DownloadDisplay.short(seconds)) s")
        case .verifying: break
        case .finished(let file, let bytes):
            end()
            let elapsed = (ContinuousClock.now - start).seconds
            console.status(
                "Downloaded \(file), \(DownloadDisplay.megabytes(bytes)) MB in "
                    + "\(DownloadDisplay.short(elapsed)) s")
        }
    }

    /// Takes the bar away.
    func end() {
        if isBarShown, lastDrawn != nil { console.redraw("") }
    }

    private mutating func draw(_ received: Int, _ total: Int?) {
        guard isBarShown else { return }
        if let last = lastDrawn, ContinuousClock.now - last < .milliseconds(100) { return }
        lastDrawn = .now
        console.redraw(
            DownloadDisplay.line(
                received: received, total: total, resumed: resumedBytes,
                seconds: (ContinuousClock.now - start).seconds, columns: console.columns - 1))
    }

    /// ` 37 % [===>      ] 31.1 of 84.1 MB, 5.2 MB/s, 0:10 left`; without a total the first and
    /// the last part are missing.
    static func line(
        received: Int, total: Int?, resumed: Int, seconds: Double, columns: Int
    ) -> String {
        let rate = seconds > 0 ? Double(received - resumed) / seconds : 0
        let speed = rate > 0 ? ["\(short(rate / 1e6)) MB/s"] : []
        guard let total, total > 0 else {
            let parts = ["\(megabytes(received)) MB"] + speed
            return String(parts.joined(separator: ", ").prefix(max(0, columns)))
        }
        let left =
            rate > 0
            ? ["\(ProgressDisplay.clock(Double(max(0, total - received)) / rate)) left"] : []
        return ProgressBar.line(
            share: Double(received) / Double(total),
            ["\(megabytes(received)) of \(megabytes(total)) MB"] + speed + left, columns: columns)
    }

    static func megabytes(_ bytes: Int) -> String { short(Double(bytes) / 1e6) }

    private static func short(_ value: Double) -> String { String(format: "%.1f", value) }
}
