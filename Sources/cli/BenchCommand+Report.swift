// The report of `bench`.

import Demucs
import Diagnostics
import System

struct BenchReport {
    let model: String
    /// At least one measurement, all of the same network.
    let measurements: [Benchmark.Measurement]
    let showsLayers: Bool

    // MARK: - Table

    /// A heading, a row for each precision, and with `--layers` a row for each block.
    var table: String {
        var lines = heading + [""] + TextTable.aligned(rows)
        lines += measurements.compactMap { measurement in
            measurement.track.map { "\(name(measurement)): " + trackLine($0) }
        }
        if showsLayers {
            for measurement in measurements { lines += [""] + blockLines(measurement) }
        }
        return lines.joined(separator: "\n")
    }

    /// Lines about the model, the segment and the machine.
    private var heading: [String] {
        let first = measurements[0]
        let runs = first.segmentSeconds.count
        return [
            "\(model), a segment of \(first.audioSeconds.fixed(2)) s, "
                + "\((first.operations / 1e9).fixed(1)) GFLOP",
            "\(first.threads) \(first.threads == 1 ? "thread" : "threads"), "
                + "\(runs) \(runs == 1 ? "run" : "runs"), "
                + "instruction set \(first.instructionSet), matrix products: \(first.products)",
        ]
    }

    /// The titles of the columns, then a row for each precision.
    private var rows: [[String]] {
        let hasScores = measurements.contains { $0.track?.sdr != nil }
        let titles: [String] = Self.columns + (hasScores ? ["SDR dB"] : [])
        return [titles] + measurements.map(row)
    }

    private func name(_ measurement: Benchmark.Measurement) -> String {
        measurement.precision.rawValue + (measurement.isFromFloat16 ? " of float16" : "")
    }

    private func trackLine(_ track: Benchmark.TrackTime) -> String {
        let scores = (track.sdr ?? [:]).sorted { $0.key < $1.key }
            .map { "\($0.key) \($0.value.fixed(2))" }
        return "a track of \(track.audioSeconds.fixed(2)) s in \(track.seconds.fixed(2)) s, "
            + "\(track.realtimeFactor.fixed(2)) × real time, "
            + "peak \(track.peakResidentBytes.megabytes(0)) MB"
            + (scores.isEmpty ? "" : "; SDR in dB: " + scores.joined(separator: ", "))
    }

    /// The mean SDR over the stems; without SDR the column is missing.
    private func meanSDR(_ measurement: Benchmark.Measurement) -> [String] {
        guard let values = measurement.track?.sdr?.values else { return [] }
        return [(values.reduce(0, +) / Double(values.count)).fixed(2)]
    }

    private static let columns = [
        "precision", "file MB", "load s", "segment s", "min", "max", "× real time", "GFLOP/s",
        "of peak", "peak MB", "estimated", "SNR dB",
    ]

    private func row(_ measurement: Benchmark.Measurement) -> [String] {
        [
            name(measurement),
            measurement.fileBytes.megabytes(1),
            measurement.loadSeconds.fixed(3),
            measurement.medianSeconds.fixed(3),
            (measurement.segmentSeconds.min() ?? 0).fixed(3),
            (measurement.segmentSeconds.max() ?? 0).fixed(3),
            measurement.realtimeFactor.fixed(2),
            (measurement.operationsPerSecond / 1e9).fixed(1),
            (measurement.shareOfPeak * 100).fixed(0) + " %",
            measurement.peakResidentBytes.megabytes(0),
            measurement.estimatedPeakBytes.megabytes(0),
            measurement.worstSNRDecibels.decibelText,
        ] + meanSDR(measurement)
    }

    /// The roofline (Williams, Waterman, Patterson 2009): a block takes at least as long as its
    /// arithmetic at the peak rate of the cores, and as its compulsory traffic at the rate of the
    /// memory. The longer time is its bound. The column "products" is the arithmetic's share of the
    /// measured time, the last one the bound's.
    private func blockRows(_ measurement: Benchmark.Measurement) -> [[String]] {
        let total = blockSeconds(measurement)
        let rows = measurement.blocks.map { block in
            let arithmetic = block.operations / measurement.peakOperationsPerSecond
            let traffic = block.bytes / measurement.memoryBytesPerSecond
            return [
                "\(block.block)",
                (block.seconds * 1e3).fixed(1),
                (block.seconds / total * 100).fixed(1) + " %",
                (block.operations / 1e9).fixed(2),
                (block.operations / block.seconds / 1e9).fixed(1),
                (block.bytes / 1e6).fixed(1),
                (arithmetic / block.seconds * 100).fixed(0) + " %",
                arithmetic > traffic ? "arithmetic" : "memory",
                (max(arithmetic, traffic) / block.seconds * 100).fixed(0) + " %",
            ]
        }
        let heading = [
            name(measurement), "ms", "share", "GFLOP", "GFLOP/s", "MB", "products", "bound",
            "of bound",
        ]
        return [heading] + rows
    }

    private func blockLines(_ measurement: Benchmark.Measurement) -> [String] {
        let peaks =
            "peak \((measurement.peakOperationsPerSecond / 1e9).fixed(1)) GFLOP/s, "
            + "memory \((measurement.memoryBytesPerSecond / 1e9).fixed(1)) GB/s"
        return [peaks] + TextTable.aligned(blockRows(measurement))
    }

    private func blockSeconds(_ measurement: Benchmark.Measurement) -> Double {
        measurement.blocks.reduce(0) { $0 + $1.seconds }
    }

    // MARK: - JSON

    /// An array with an object for each measurement. The SNR of results equal to those of float32
    /// is the string `Infinity`.
    var json: String { JSONText.of(measurements.map(object)) }

    private func object(_ measurement: Benchmark.Measurement) -> JSONObject {
        let seconds: JSONObject = [
            "min": measurement.segmentSeconds.min() ?? 0,
            "median": measurement.medianSeconds,
            "max": measurement.segmentSeconds.max() ?? 0,
        ]
        let total = blockSeconds(measurement)
        let layers = measurement.blocks.map { block -> JSONObject in
            [
                "name": "\(block.block)", "seconds": block.seconds,
                "gflops": block.operations / block.seconds / 1e9,
                "share": block.seconds / total, "bytes": block.bytes,
            ]
        }
        let track = measurement.track.map { track -> JSONObject in
            [
                "audio_seconds": track.audioSeconds, "seconds": track.seconds,
                "realtime_factor": track.realtimeFactor,
                "peak_rss_bytes": track.peakResidentBytes, "sdr_db": track.sdr,
            ]
        }
        return [
            "precision": measurement.precision.rawValue,
            "widened_from": measurement.isFromFloat16 ? "float16" : nil,
            "threads": measurement.threads,
            "file_bytes": measurement.fileBytes,
            "load_seconds": measurement.loadSeconds,
            "seconds_per_segment": seconds,
            "realtime_factor": measurement.realtimeFactor,
            "gflops": measurement.operationsPerSecond / 1e9,
            "share_of_peak": measurement.shareOfPeak,
            "memory_bytes_per_second": measurement.memoryBytesPerSecond,
            "loop_microseconds": measurement.loopSeconds * 1e6,
            "peak_rss_bytes": measurement.peakResidentBytes,
            "estimated_rss_bytes": measurement.estimatedPeakBytes,
            "snr_db": measurement.worstSNRDecibels,
            "isa": measurement.instructionSet,
            "blas": measurement.products,
            "layers": showsLayers ? layers : nil,
            "track": track,
        ]
    }
}
