// The options of a job: those of the command, as fields of a form or of a query.

import Audio
import Demucs
import Signal
import Tensor

/// Options of a request, checked as far as possible without the sound. Two jobs with equal options,
/// sound and model give equal files.
struct JobOptions: Codable, Equatable, Sendable {
    struct Mix: Codable, Equatable, Sendable {
        let name: String
        let parts: [String]
    }

    /// Name of the model; nil for the service's own.
    var model: String?
    var stems: [String]?
    var twoStems: String?
    var otherMethod = OtherMethod.add
    var mixes: [Mix] = []
    var hasResidual = false
    var shifts = 1
    var seed: UInt64?
    var overlap = 0.25
    var segment: Double?
    var split = true
    var start: Double?
    var duration: Double?
    var downmix = Downmix.first
    /// Precision; nil for the service's own.
    var precision: String?
    var format = Format.wav
    var sampleFormat = SampleFormat.int16
    var clipMode = ClipMode.rescale
    /// Common by default, unlike in the command, because the page's mixer sums the stems.
    var gain = OutputOptions.Gain.common
    var mp3Bitrate = 320
    var mp3Preset = 2
    var outputRate = OutputOptions.Rate.model

    /// The second stem of `two-stems`: none, the sum of the other stems, or the mixture minus the
    /// stem.
    enum OtherMethod: String, Codable, Sendable, CaseIterable { case none, add, minus }

    enum Format: String, Codable, Sendable, CaseIterable {
        case wav, flac, mp3

        var mediaType: String {
            switch self {
            case .wav: "audio/wav"
            case .flac: "audio/flac"
            case .mp3: "audio/mpeg"
            }
        }
    }

    static let precisions = Precision.allCases.map(\.rawValue) + ["auto"]

    var separation: SeparationOptions {
        SeparationOptions(
            shifts: shifts, seed: seed, overlap: overlap, segmentSeconds: segment, split: split)
    }

    var excerpt: Excerpt? {
        start == nil && duration == nil
            ? nil : Excerpt(startSeconds: start ?? 0, durationSeconds: duration)
    }

    /// - Parameter folder: folder of temporary files.
    func output(spoolFolder folder: String) -> OutputOptions {
        OutputOptions(
            format: outputFormat(format), clipMode: clipMode, gain: gain, rate: outputRate,
            downmix: downmix, spoolFolder: folder)
    }

    func outputFormat(_ format: Format) -> OutputFormat {
        let container: OutputFormat.Container =
            switch format {
            case .wav: .wav
            case .flac: .flac
            case .mp3:
                .mp3(MP3Settings(bitRateKilobitsPerSecond: mp3Bitrate, preset: mp3Preset))
            }
        return OutputFormat(container: container, sampleFormat: sampleFormat)
    }

    var precisionChoice: PrecisionChoice {
        switch precision {
        case "auto": .fastest
        case let name?: Precision(rawValue: name).map(PrecisionChoice.fixed) ?? .ofModel
        case nil: .ofModel
        }
    }

    /// The options by the names of their fields.
    var json: JSON {
        [
            "model": JSON(model), "stems": stems.map { .array($0.map(JSON.text)) } ?? .null,
            "two-stems": JSON(twoStems), "other-method": .text(otherMethod.rawValue),
            "mix": .array(
                mixes.map { .text("\($0.name)=\($0.parts.joined(separator: "+"))") }),
            "residual": .bool(hasResidual), "shifts": .integer(shifts),
            "seed": seed.map { Int(exactly: $0).map(JSON.integer) ?? .text("\($0)") } ?? .null,
            "overlap": .number(overlap), "segment": JSON(segment), "no-split": .bool(!split),
            "start": JSON(start), "duration": JSON(duration), "downmix": .text(downmix.rawValue),
            "precision": JSON(precision), "format": .text(format.rawValue),
            "int24": .bool(sampleFormat == .int24), "float32": .bool(sampleFormat == .float32),
            "clip-mode": .text(clipMode.rawValue), "gain": .text(gain.rawValue),
            "mp3-bitrate": .integer(mp3Bitrate), "mp3-preset": .integer(mp3Preset),
            "output-rate": .text(outputRate.rawValue),
        ]
    }
}

extension Downmix: Codable {}
extension ClipMode: Codable {}
extension SampleFormat: Codable {}
extension OutputOptions.Gain: Codable {}
extension OutputOptions.Rate: Codable {}
