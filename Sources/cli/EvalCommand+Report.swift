// The report of `eval`: the scores of each track, then medians over tracks.

import Evaluation
import Signal
import System

struct EvalReport {
    private let columns: [Score]
    private var tracks: [(name: String, seconds: Double, scores: TrackScores)] = []

    init(metrics: Set<Score>, hasOther: Bool) {
        columns = Score.metrics.filter(metrics.contains) + (hasOther ? [.snr] : [])
    }

    var isEmpty: Bool { tracks.isEmpty }

    mutating func add(_ track: String, _ scores: TrackScores, seconds: Double) {
        tracks.append((track, seconds, scores))
    }

    /// A stem's name and its values in the order of the columns.
    private typealias Row = (name: String, values: [Double])

    private func rows(_ scores: TrackScores) -> [Row] {
        scores.stems.map { stem in (stem.name, columns.map { stem.values[$0] ?? .nan }) }
    }

    /// The median over tracks of each stem, in the order of their first appearance.
    private var medians: [Row] {
        let all = tracks.flatMap { rows($0.scores) }
        var names: [String] = []
        for row in all where !names.contains(row.name) { names.append(row.name) }
        return names.map { name in
            let values = all.filter { $0.name == name }.map(\.values)
            return (name, columns.indices.map { column in median(values.map { $0[column] }) })
        }
    }

    /// The mean of the stems' medians, as in the reference's evaluations; NaN if a stem has no
    /// median.
    private var meanOfMedians: [Double] {
        let medians = medians
        return columns.indices.map { column in
            medians.map { $0.values[column] }.reduce(0, +) / Double(medians.count)
        }
    }

    // MARK: - Table

    /// One block for each track and one for the medians, with the same columns.
    var table: String {
        let medianTitle =
            tracks.count == 1 ? "median of 1 track" : "median of \(tracks.count) tracks"
        let names =
            tracks.map(\.name) + [medianTitle]
            + tracks.flatMap { $0.scores.stems.map { "  " + $0.name } }
        let width = names.map(\.count).max() ?? 0
        func line(_ name: String, _ cells: [String]) -> String {
            TextTable.line(name, width: width, cells, width: 7)
        }
        var lines = [line("dB", columns.map(\.title))]
        func block(_ title: String, _ rows: [Row]) {
            lines.append(title)
            lines += rows.map { line("  " + $0.name, $0.values.map(EvalReport.figure)) }
        }
        for track in tracks { block(track.name, rows(track.scores)) }
        block(medianTitle, medians + [("mean", meanOfMedians)])
        return lines.joined(separator: "\n")
    }

    /// A score with two decimals; a dash for no value.
    private static func figure(_ value: Double) -> String {
        if value.isNaN { return "–" }
        return value.isFinite ? value.fixed(2) : value > 0 ? "inf" : "-inf"
    }

    // MARK: - JSON

    /// An object with tracks, medians and their mean. Scores without a value are null, infinite ones
    /// the strings `Infinity` and `-Infinity`.
    var json: String {
        func object(_ values: [Double]) -> [String: Double?] {
            let pairs = zip(columns, values).map { ($0.rawValue, $1.isNaN ? nil : $1) }
            return Dictionary(uniqueKeysWithValues: pairs)
        }
        func stems(_ rows: [Row]) -> [String: [String: Double?]] {
            Dictionary(uniqueKeysWithValues: rows.map { ($0.name, object($0.values)) })
        }
        let tracks = tracks.map { track -> JSONObject in
            ["name": track.name, "seconds": track.seconds, "stems": stems(rows(track.scores))]
        }
        let document: JSONObject = [
            "unit": "dB", "tracks": tracks, "medians": stems(medians),
            "mean_of_medians": object(meanOfMedians),
        ]
        return JSONText.of(document)
    }
}
