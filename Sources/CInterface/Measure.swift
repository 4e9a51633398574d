// Quantising models, evaluating stems, tracing the network.

// The functions have C's names.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Audio
import CSwiftDemucs
import Demucs
import Diagnostics
import Evaluation
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
    _ tracks: UnsafePointer<UnsafePointer<CChar>?>?, _ track_count: Int,
    _ settings: UnsafePointer<CChar>?, _ event: sd_event_callback?, _ log: sd_log_callback?,
    _ context: UnsafeMutableRawPointer?, _ cancellation: OpaquePointer?,
    _ message: UnsafeMutablePointer<CChar>?, _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let (path, output) = (try text(checkpoint, "checkpoint"), try text(output, "output"))
        let tracks = try texts(tracks, track_count, "tracks") ?? []
        let settings = try ModelSettings(settings, of: ["precision", "samples", "threads"])
        let name = settings.request.precision ?? Precision.int8.rawValue
        guard let precision = Precision(rawValue: name) else {
            throw RequestError.invalidValue(
                field: "precision", value: name, expected: "int8, float32 or bfloat16")
        }
        let events = try EventCallback(event, context, within: cancellation)
        let log = Log(log, context)

        let source = try Checkpoint.open(path, member: nil, toWrite: output)
        let model = try ModelQuantization.quantize(
            source, tracks: tracks.count, segments: settings.calibrationSegments,
            precision: precision, threads: settings.threads ?? countAvailableCores(),
            cancellation: events.token, warn: log.warning, report: { log.info($0) }
        ) { index in
            try AudioInput(path: tracks[index], spool: Spool { events.token.isCancelled })
        }.model
        try model.write(to: output)
        events.send(
            "quantized",
            [
                "bytes": model.countBytes, "source_bytes": source.countBytes,
                "snr_db": model.snrDecibels.isFinite ? model.snrDecibels : nil,
            ])
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

// MARK: - Evaluating

@c @implementation
public func sd_evaluate(
    _ references: UnsafePointer<Float>?, _ estimates: UnsafePointer<Float>?, _ stem_count: Int32,
    _ channels: Int32, _ frames: Int, _ sample_rate: Int32, _ layout: sd_layout,
    _ sdr: UnsafeMutablePointer<Double>?, _ si_sdr: UnsafeMutablePointer<Double>?,
    _ message: UnsafeMutablePointer<CChar>?, _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        var wanted: [(metric: Score, scores: UnsafeMutablePointer<Double>)] = []
        if let sdr { wanted.append((.sdr, sdr)) }
        if let si_sdr { wanted.append((.scaleInvariantSDR, si_sdr)) }
        try CallError.require(
            !wanted.isEmpty, "sdr", "NULL, as si_sdr is", "a place for one of them")
        try CallError.require((1...64).contains(stem_count), "stem_count", stem_count, "1 to 64")
        try PlanarAudio.validate(channelCount: Int(channels), sampleRateHz: Int(sample_rate))
        try checkFrames(frames, rows: Int(stem_count * channels), "the stems")
        try CallError.require(frames > 0, "frames", frames, "at least 1")
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
        let result = try TrackScores(pairs, metrics: Set(wanted.map(\.metric)))
        for (index, stem) in result.stems.enumerated() {
            for (metric, scores) in wanted { scores[index] = stem.values[metric] ?? .nan }
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
        let opened = try OpenedModel(porting: model.chosen.files, needsCore: false)
        let backend = try Backend(
            threads: model.threads ?? countAvailableCores(), precision: model.separator.precision)
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
