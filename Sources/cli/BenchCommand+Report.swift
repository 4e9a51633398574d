// What `bench` prints.

import Demucs
import Diagnostics
import Foundation

struct BenchReport {
    let model: String
    /// At least one, all of the same network.
    let measurements: [Benchmark.Measurement]
    let showsLayers: Bool

    // MARK: - Table

    /// What all have in common, a row for each precision, and a row for each block if asked for.
    var table: String {
        let first = measurements[0]
        let runs = first.segmentSeconds.count
        let heading = [
            "\(model), a segment of \(figure(first.audioSeconds, 2)) s, "
                + "\(figure(first.operations / 1e9, 1)) GFLOP",
            "\(first.threads) \(first.threads == 1 ? "thread" : "threads"), "
                + "\(runs) \(runs == 1 ? "run" : "runs"), "
                + "instruction set \(first.instructionSet), matrix products: \(first.products)",
        ]
        let hasScores = measurements.contains { $0.track?.sdr != nil }
        let columns = Self.columns + (hasScores ? ["SDR dB"] : [])
        var lines = heading + [""] + TextTable.aligned([columns] + measurements.map(row))
        lines += measurements.compactMap { measurement in
            measurement.track.map { "\(name(measurement)): " + trackLine($0) }
        }
        if showsLayers {
            for measurement in measurements { lines += [""] + blockLines(measurement) }
        }
        return lines.joined(separator: "\n")
    }

    private func name(_ measurement: Benchmark.Measurement) -> String {
        measurement.precision.rawValue + (measurement.isFromFloat16 ? " of float16" : "")
    }

    private func trackLine(_ track: Benchmark.TrackTime) -> String {
        let scores = (track.sdr ?? [:]).sorted { $0.key < $1.key }
            .map { "\($0.key) \(figure($0.value, 2))" }
        return "a track of \(figure(track.audioSeconds, 2)) s in \(figure(track.seconds, 2)) s, "
            + "\(figure(track.realtimeFactor, 2)) × real time, "
            + "peak \(figure(Double(track.peakResidentBytes) / 1e6, 0)) MB"
            + (scores.isEmpty ? "" : "; SDR in dB: " + scores.joined(separator: ", "))
    }

    /// The mean over the stems.
    private func meanSDR(_ measurement: Benchmark.Measurement) -> [String] {
        guard let values = measurement.track?.sdr?.values else { return [] }
        return [figure(values.reduce(0, +) / Double(values.count), 2)]
    }

    private static let columns = [
        "precision", "file MB", "load s", "segment s", "min", "max", "× real time", "GFLOP/s",
        "of peak",
        "peak MB", "SNR dB",
    ]

    private func row(_ measurement: Benchmark.Measurement) -> [String] {
        [
            name(measurement),
            figure(Double(measurement.fileBytes) / 1e6, 1),
            figure(measurement.loadSeconds, 3),
            figure(measurement.medianSeconds, 3),
            figure(measurement.segmentSeconds.min() ?? 0, 3),
            figure(measurement.segmentSeconds.max() ?? 0, 3),
            figure(measurement.realtimeFactor, 2),
            figure(measurement.operationsPerSecond / 1e9, 1),
            figure(measurement.shareOfPeak * 100, 0) + " %",
            figure(Double(measurement.peakResidentBytes) / 1e6, 0),
            measurement.worstSNRDecibels.isFinite
                ? figure(measurement.worstSNRDecibels, 1) : "equal",
        ] + meanSDR(measurement)
    }

    /// The roofline (Williams, Waterman, Patterson 2009): a block takes at least as long as its
    /// arithmetic at the machine's peak, and as its compulsory traffic at the rate of its memory. The
    /// longer of the two is its bound; the last column is the bound's part of the time it took.
    private func blockLines(_ measurement: Benchmark.Measurement) -> [String] {
        let total = measurement.blocks.reduce(0) { $0 + $1.seconds }
        let rows = measurement.blocks.map { block in
            let arithmetic = block.operations / measurement.peakOperationsPerSecond
            let traffic = block.bytes / measurement.memoryBytesPerSecond
            return [
                "\(block.block)",
                figure(block.seconds * 1e3, 1),
                figure(block.seconds / total * 100, 1) + " %",
                figure(block.operations / 1e9, 2),
                figure(block.operations / block.seconds / 1e9, 1),
                figure(block.bytes / 1e6, 1),
                arithmetic > traffic ? "arithmetic" : "memory",
                figure(max(arithmetic, traffic) / block.seconds * 100, 0) + " %",
            ]
        }
        let peaks =
            "peak \(figure(measurement.peakOperationsPerSecond / 1e9, 1)) GFLOP/s, "
            + "memory \(figure(measurement.memoryBytesPerSecond / 1e9, 1)) GB/s"
        let heading = [
            name(measurement), "ms", "share", "GFLOP", "GFLOP/s", "MB", "bound",
            "of bound",
        ]
        return [peaks] + TextTable.aligned([heading] + rows)
    }

    private func figure(_ value: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", value)
    }

    // MARK: - JSON

    private struct Row: Encodable {
        struct Range: Encodable {
            let min: Double
            let median: Double
            let max: Double
        }

        struct Layer: Encodable {
            let name: String
            let seconds: Double
            let gflops: Double
            let share: Double
            let bytes: Double
        }

        struct Track: Encodable {
            let audioSeconds: Double
            let seconds: Double
            let realtimeFactor: Double
            let peakRssBytes: Int
            let sdrDb: [String: Double]?
        }

        let precision: String
        let widenedFrom: String?
        let threads: Int
        let fileBytes: Int
        let loadSeconds: Double
        let secondsPerSegment: Range
        let realtimeFactor: Double
        let gflops: Double
        let shareOfPeak: Double
        let peakRssBytes: Int
        let snrDb: Double
        let isa: String
        let blas: String
        let layers: [Layer]?
        let track: Track?
    }

    /// An array with an object for each measurement; the SNR of results that equal float32's is the
    /// string `Infinity`.
    var json: String {
        JSONText.of(
            measurements.map { measurement in
                let total = measurement.blocks.reduce(0) { $0 + $1.seconds }
                return Row(
                    precision: measurement.precision.rawValue,
                    widenedFrom: measurement.isFromFloat16 ? "float16" : nil,
                    threads: measurement.threads,
                    fileBytes: measurement.fileBytes, loadSeconds: measurement.loadSeconds,
                    secondsPerSegment: .init(
                        min: measurement.segmentSeconds.min() ?? 0,
                        median: measurement.medianSeconds,
                        max: measurement.segmentSeconds.max() ?? 0),
                    realtimeFactor: measurement.realtimeFactor,
                    gflops: measurement.operationsPerSecond / 1e9,
                    shareOfPeak: measurement.shareOfPeak,
                    peakRssBytes: measurement.peakResidentBytes,
                    snrDb: measurement.worstSNRDecibels, isa: measurement.instructionSet,
                    blas: measurement.products,
                    layers: showsLayers
                        ? measurement.blocks.map {
                            .init(
                                name: "\($0.block)", seconds: $0.seconds,
                                gflops: $0.operations / $0.seconds / 1e9,
                                share: $0.seconds / total, bytes: $0.bytes)
                        } : nil,
                    track: measurement.track.map {
                        .init(
                            audioSeconds: $0.audioSeconds, seconds: $0.seconds,
                            realtimeFactor: $0.realtimeFactor, peakRssBytes: $0.peakResidentBytes,
                            sdrDb: $0.sdr)
                    })
            })
    }
}
