// Quantising models, evaluating stems, tracing the network.

// The functions have C's names.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Audio
import CSwiftDemucs
import Demucs
import Diagnostics
import Evaluation
import HTDemucs
import Porting
import Quantization
import System
import Tensor
import Tracks
import WeightsLoader

// MARK: - Quantising

@c @implementation
public func sd_quantize(
    _ checkpoint: UnsafePointer<CChar>?, _ output: UnsafePointer<CChar>?,
    _ options: UnsafePointer<sd_quantize_options>?,
    _ report: UnsafeMutablePointer<sd_quantize_report>?, _ message: UnsafeMutablePointer<CChar>?,
    _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let (path, output) = (try text(checkpoint, "checkpoint"), try text(output, "output"))
        let options = try sd_quantize_options.read(options, "options", or: sd_quantize_options_init)
        if let report { try sd_quantize_report.checkSize(report.pointee.size, "report") }
        let precision = try options.quantizedPrecision()
        let tracks = try texts(
            options.calibration_files, options.calibration_file_count, "calibration_files")
        try CallError.require(
            (1...10_000).contains(options.calibration_segments), "calibration_segments",
            options.calibration_segments, "1 to 10,000")
        let token =
            options.cancellation == nil
            ? CancellationToken() : try cancellationHandle.object(options.cancellation)
        let threads = try threads(options.threads) ?? countAvailableCores()
        let log = Log(options.log, options.log_context)

        let source = try Checkpoint.open(path, member: nil, toWrite: output)
        let model = try ModelQuantization.quantize(
            source, tracks: tracks?.count ?? 0, segments: Int(options.calibration_segments),
            precision: precision, threads: threads, cancellation: token, warn: log.warning,
            report: { log.info($0) }
        ) { index in
            try AudioInput(path: tracks?[index] ?? "", spool: Spool { token.isCancelled })
        }.model
        try model.write(to: output)
        try sd_quantize_report(
            size: 0, bytes: Int64(model.countBytes), source_bytes: Int64(source.countBytes),
            snr: model.snrDecibels
        ).write(to: report, "report")
    }
}

extension Log {
    /// Logs the beginning of a stage.
    fileprivate func info(_ stage: ModelQuantization.Stage) {
        switch stage {
        case .calibrating(0, let count): info("calibrating on \(count) segments")
        case .rounding(0, let count): info("rounding the weights of \(count) layers")
        case .measuring(0, let count): info("measuring each of \(count) layers in INT8")
        case .measuringModel: info("measuring the whole model")
        default: break
        }
    }
}

extension sd_quantize_options {
    fileprivate func quantizedPrecision() throws(CallError) -> Precision {
        let precisions: [Precision?] = [.int8, .float32, .bfloat16, .int8, nil]
        guard let precision = try choice(precision, "precision", precisions) else {
            throw CallError(
                SD_ERROR_ARGUMENT, "precision is AUTO, expected INT8, BFLOAT16 or FLOAT32")
        }
        return precision
    }
}

// MARK: - Evaluating

@c @implementation
public func sd_evaluate(
    _ references: UnsafePointer<Float>?, _ estimates: UnsafePointer<Float>?, _ stem_count: Int32,
    _ channels: Int32, _ frames: Int, _ sample_rate: Int32, _ layout: sd_layout,
    _ metrics: UInt32, _ scores: UnsafeMutablePointer<sd_scores>?,
    _ message: UnsafeMutablePointer<CChar>?, _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let scores = try required(scores, "scores", "one for each stem")
        try CallError.require((1...64).contains(stem_count), "stem_count", stem_count, "1 to 64")
        try PlanarAudio.validate(channelCount: Int(channels), sampleRateHz: Int(sample_rate))
        try checkFrames(frames, rows: Int(stem_count * channels), "the stems")
        try CallError.require(frames > 0, "frames", frames, "at least 1")
        let known = Score.metrics
        try CallError.require(
            metrics != 0 && metrics >> known.count == 0, "metrics", metrics,
            "a sum of SD_METRIC_SDR and SD_METRIC_SI_SDR")
        let layout = try SampleLayout(layout, "layout")
        func stems(_ samples: UnsafePointer<Float>?, _ name: String) throws -> [PlanarAudio] {
            try (0..<Int(stem_count)).map { stem in
                try BorrowedAudio(
                    samples.map { $0 + stem * Int(channels) * frames }, frames: frames,
                    channels: Int(channels), sampleRateHz: Int(sample_rate), layout: layout,
                    "\(name)[\(stem)]"
                ).copy(0..<frames)
            }
        }
        let pairs = try zip(stems(references, "references"), stems(estimates, "estimates"))
            .enumerated().map { index, pair in
                StemPair(name: "\(index)", reference: pair.0, estimate: pair.1)
            }
        let result = try TrackScores(
            pairs,
            metrics: Set(known.indices.filter { metrics >> $0 & 1 == 1 }.map { known[$0] }))
        for (index, stem) in result.stems.enumerated() {
            func value(_ score: Score) -> Double { stem.values[score] ?? .nan }
            scores[index] = sd_scores(
                sdr: value(.sdr), si_sdr: value(.scaleInvariantSDR))
        }
    }
}

// MARK: - Tracing

@c @implementation
public func sd_trace(
    _ model: OpaquePointer?, _ mix: UnsafePointer<sd_audio>?, _ start_seconds: Double,
    _ chunk_seconds: Double, _ names: UnsafePointer<CChar>?, _ callback: sd_trace_callback?,
    _ context: UnsafeMutableRawPointer?, _ message: UnsafeMutablePointer<CChar>?,
    _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let model = try modelHandle.object(model)
        let mix = try BorrowedAudio(mix, "mix")
        let callback = try required(callback, "callback", "a function")
        let patterns = NamePattern.list(try optionalText(names, "names") ?? "*")
        let opened = try OpenedModel(porting: model.files, needsCore: false)
        let backend = try Backend(
            threads: model.threads ?? countAvailableCores(), precision: model.precision)
        let token = CancellationToken()
        let recording = try model.separator.recording(cancellation: token) { mix.reader() }
        let trace = try Trace(
            recording, name: "audio in memory", startSeconds: start_seconds,
            chunkSeconds: chunk_seconds == 0 ? nil : chunk_seconds, model: opened, on: backend,
            cancellation: token)
        _ = try trace.run(
            patterns, of: opened, on: backend, cancellation: token
        ) { tensor in
            let shape = tensor.shape.map(Int64.init)
            if callback(context, tensor.name, shape, Int32(shape.count), tensor.values) != 0 {
                token.cancel()
            }
        }
    }
}
