// `swift-demucs analyze`: prints tempo, beats, bars and key of tracks.

import Analysis
import Demucs
import ModelZoo
import Runs
import System

extension Option {
    static let analysisJSON = Option(
        "json",
        help:
            "Print a line of JSON for each track: path, tempo_bpm, beats and downbeats in seconds, "
            + "metre, downbeat_confidence, key.")
}

enum AnalyzeCommand {
    static let command = Command(
        "analyze",
        overview:
            "Print the tempo, the beats and the key of tracks, found in their separated stems.",
        operand: "track ...",
        operandHelp: "Audio files, folders to search for them, patterns, or - for standard input.",
        options: [.name, .repo, .offline, .precision, .threads, .allFormats, .analysisJSON]
            + Option.common,
        examples: [
            "swift-demucs analyze song.flac":
                "The beats per minute, the metre, the key, and the number of beats and bars.",
            "swift-demucs analyze -n demo --json music > beats.jsonl":
                "Times of all beats of all songs in a folder, with the bundled model.",
        ]
    ) { arguments, console throws(UsageError) in
        let threads = try arguments.threads()
        let precision = try arguments.precisionChoice()
        let display = ProgressDisplay(console: console, style: .bar)
        let cancellation = Interruption.cancellation(onResize: display.redraw)
        return console.reporting {
            let found = TrackDiscovery(arguments.operands)
            found.notes.forEach(console.status)
            for problem in found.problems { console.error(problem.text) }
            var failures = found.problems.count
            // A mistyped name must not start a download.
            guard found.tracks.contains(where: \.isThere) else {
                for track in found.tracks {
                    console.error("\(AudioError.notFound(path: track.path))")
                }
                return .trackFailed
            }
            let separator = try Separator(
                arguments, threads: threads, precision, console: console,
                cancellation: cancellation)
            for track in found.tracks {
                if arguments.has(.analysisJSON), console.isReaderGone { return .pipeClosed }
                do {
                    display.begin(label: track.path)
                    defer { display.end() }
                    let spool = Spool(allFormats: arguments.has(.allFormats)) {
                        cancellation.isCancelled
                    }
                    let input =
                        track.isStandardInput
                        ? try AudioInput(standardInput: spool)
                        : try AudioInput(path: track.path, spool: spool)
                    // Without a shift the same track always gives the same beats.
                    let (analysis, warnings) = try separator.analyze(
                        input, options: SeparationOptions(shifts: 0), cancellation: cancellation,
                        progress: { display.update($0) })
                    display.end()
                    for warning in warnings { console.warning("\(warning)") }
                    console.result(
                        arguments.has(.analysisJSON)
                            ? json(track.path, analysis) : line(track.path, analysis))
                } catch let error where !(error is CancellationError) {
                    console.error(commandText(of: error))
                    failures += 1
                }
            }
            return failures == 0 ? .done : .trackFailed
        }
    }

    private static func json(_ path: String, _ analysis: MusicAnalysis) -> String {
        var fields = analysis.fields
        fields["path"] = .text(path)
        return String(decoding: JSON.object(fields).bytes, as: UTF8.self)
    }

    /// `song.flac: 121.8 beats per minute, 4/4 (confidence 0.93), D minor, 240 beats in 60 bars`
    private static func line(_ path: String, _ analysis: MusicAnalysis) -> String {
        let tempo = analysis.beatsPerMinute.map { "\($0.fixed(1)) beats per minute" } ?? "no tempo"
        let bars = analysis.metre.map {
            "\($0) (confidence \((analysis.downbeatConfidence ?? 0).fixed(2)))"
        }
        let key = analysis.key?.description ?? "no key"
        return "\(path): \(tempo), \(bars ?? "no metre"), \(key), \(analysis.beats.count) beats in "
            + "\(analysis.downbeats.count) bars"
    }
}
