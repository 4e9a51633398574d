// Also Embedded Swift: typed throws, no key paths, no casts.
// The request for a track: the outputs and all options that decide their content, in one value.

import Signal
import System
import Tensor

/// A request for a separation, before the model and the track are known.
///
/// The command's options, a manifest's keys and the service's fields are views of
/// ``SeparationRequest/fields``. Two requests that are equal give equal files for the same track and
/// model, if they have a seed or no shifts.
package struct SeparationRequest: Equatable, Sendable {
    /// A sum of stems, or the mixture minus stems, under a name of its own.
    package struct Mix: Equatable, Sendable, CustomStringConvertible {
        /// Begins the stems that are taken from the mixture: `mixture-vocals-drums`.
        static let mixture = "mixture-"

        package let name: String
        package let parts: [String]
        /// Whether the parts are taken from the mixture, instead of added up.
        package let isRest: Bool

        /// The mix as the field takes it: `karaoke=drums+bass`, `rest=mixture-vocals`.
        package var description: String {
            "\(name)="
                + (isRest
                    ? Self.mixture + parts.joined(separator: "-") : parts.joined(separator: "+"))
        }
    }

    /// A model that separates a stem further.
    package struct Following: Equatable, Sendable, CustomStringConvertible {
        package let stem: String
        /// Name or path of the model.
        package let model: String

        /// As the field takes it: `drums=drumsep`.
        package var description: String { "\(stem)=\(model)" }
    }

    /// The second output of `two-stems`.
    package enum OtherMethod: String, Sendable, CaseIterable {
        case none
        /// The sum of the other stems, `no_vocals`.
        case add
        /// The mixture minus the stem, `minus_vocals`.
        case minus
    }

    /// A container that a request can name.
    package struct Format: RawRepresentable, CaseIterable, Equatable, Sendable {
        let container: OutputFormat.Container

        package init?(rawValue: String) {
            let named = OutputFormat.Container.named()
            guard let container = named.first(where: { $0.row.name == rawValue }) else {
                return nil
            }
            self.init(container)
        }

        private init(_ container: OutputFormat.Container) { self.container = container }

        package var rawValue: String { container.row.name }
        package var mediaType: String { container.row.mediaType }

        package static let wav = Format(.wav)
        package static let allCases = OutputFormat.Container.named().map { Format($0) }
        /// Those with a field of their own, which takes no value.
        package static let flags = allCases.filter { $0 != wav }
    }

    /// Name of the model; nil for the default.
    package var model: String?
    /// Stems to write; nil for all.
    package var stems: [String]?
    package var twoStems: String?
    package var otherMethod = OtherMethod.add
    package var mixes: [Mix] = []
    package var hasResidual = false
    /// Models that separate stems further; nil for none, as in stored requests without this field.
    package var then: [Following]?
    package var shifts = SeparationOptions().shifts
    package var seed: UInt64?
    /// Share of a segment; nil for the model's own.
    package var overlap: Double?
    /// Length of a segment in seconds; nil for the model's own.
    package var segment: Double?
    package var split = true
    package var transitionPower = SeparationOptions().transitionPower
    /// Start of the excerpt in seconds; nil for the track's.
    package var start: Double?
    /// Length of the excerpt in seconds; nil up to the track's end.
    package var duration: Double?
    package var downmix = Downmix.first
    /// A precision or `auto`; nil for the default.
    package var precision: String?
    package var format = Format.wav
    package var sampleFormat = SampleFormat.int16
    package var clipMode = ClipMode.rescale
    /// Nil for the default, which is ``OutputOptions/Gain/perStem`` for files that are used alone, and
    /// ``OutputOptions/Gain/common`` for stems that are played together.
    package var gain: OutputOptions.Gain?
    package var mp3Bitrate = MP3Settings().bitRateKilobitsPerSecond
    package var mp3Preset = MP3Settings().preset
    package var outputRate = OutputOptions.Rate.model
    package var copiesTags = true
    /// Whether to find the tempo and the key.
    package var analyzes = false

    package init() {}
}

#if !hasFeature(Embedded)
    extension SeparationRequest: Codable {}
    extension SeparationRequest.Mix: Codable {}
    extension SeparationRequest.Following: Codable {}
    extension SeparationRequest.OtherMethod: Codable {}
    extension SeparationRequest.Format: Codable {}
    extension Downmix: Codable {}
    extension ClipMode: Codable {}
    extension SampleFormat: Codable {}
    extension OutputOptions.Gain: Codable {}
    extension OutputOptions.Rate: Codable {}
#endif

// MARK: - The engine's options

extension SeparationRequest {
    package static let precisions = Precision.allCases.map { $0.rawValue } + ["auto"]

    package var separation: SeparationOptions {
        SeparationOptions(
            shifts: shifts, seed: seed, overlap: overlap, segmentSeconds: segment, split: split,
            transitionPower: transitionPower)
    }

    /// The part of the track to separate; nil for all of it.
    package var excerpt: Excerpt? {
        start == nil && duration == nil
            ? nil : Excerpt(startSeconds: start ?? 0, durationSeconds: duration)
    }

    /// - Parameters:
    ///   - gain: the default gain; one for each signal where the clip mode has none.
    ///   - folder: folder of temporary files; nil for the default.
    package func output(
        gain defaultGain: OutputOptions.Gain = .perStem, spoolFolder folder: String? = nil
    ) -> OutputOptions {
        OutputOptions(
            format: outputFormat(format), clipMode: clipMode,
            gain: gain ?? (clipMode == .rescale ? defaultGain : .perStem), rate: outputRate,
            downmix: downmix, spoolFolder: folder, copiesTags: copiesTags)
    }

    package var mp3: MP3Settings {
        MP3Settings(bitRateKilobitsPerSecond: mp3Bitrate, preset: mp3Preset)
    }

    /// The request's sample format and settings in a container.
    package func outputFormat(_ format: Format) -> OutputFormat {
        var container = format.container
        if case .mp3 = container { container = .mp3(mp3) }
        return OutputFormat(container: container, sampleFormat: sampleFormat)
    }
}

/// A request that can't be fulfilled, in terms of its fields. Each door adds how it writes a field.
package enum RequestError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The settings are not the JSON object that they should be.
    case settings(String)
    /// - expected: completes "expected …".
    case invalidValue(field: String, value: String, expected: String)
    case unknownField(String)
    /// Two fields that exclude each other.
    case combined(String, String)
    /// A field, or a field and its value, that has no effect without another field.
    case needs(String, String)
    /// Two outputs would have the same name.
    case sameName(String)

    package var description: String {
        switch self {
        case .settings(let problem): "the settings are invalid: \(problem)"
        case .invalidValue(let field, let value, let expected):
            "the value '\(value)' is invalid for '\(field)': expected "
                + String(expected.map { $0 == "`" ? "'" : $0 })
        case .unknownField(let name):
            "unknown field '\(name)': it is misspelled, or has no effect here"
        case .combined(let one, let other): "'\(one)' can't be combined with '\(other)'"
        case .needs(let field, let other): "'\(field)' has no effect without '\(other)'"
        case .sameName(let name):
            "two outputs would be called '\(name)'; rename the one in 'mix'"
        }
    }

    /// The error with a number as it was given: `2`, where the engine says `2.0`.
    ///
    /// - Parameter given: the text of a field; nil for a field that was not given.
    package func withValueAsGiven(_ given: (_ field: String) -> String?) -> RequestError {
        guard case .invalidValue(let field, let value, let expected) = self,
            let text = given(field), let number = Double(value), number == Double(text)
        else { return self }
        return .invalidValue(field: field, value: text, expected: expected)
    }
}

extension RequestError: CausedError {
    package var cause: ErrorCause { .argument }
}
