// A separation request from the fields of a form or of a query, and as JSON.

import Audio
import Demucs

extension SeparationRequest {
    /// Names of the field with the model.
    private static let modelNames = ["model", "name"]

    /// The gain of a job's stems: common, unlike in the command, because the page's mixer sums them.
    static let jobGain = OutputOptions.Gain.common

    /// - Throws: `Problem` for an unknown field or an invalid value.
    init(fields: [(name: String, value: String)]) throws(Problem) {
        self.init()
        var given: [String] = []
        do throws(RequestError) {
            for (name, value) in fields {
                if SeparationRequest.modelNames.contains(name) {
                    model = value
                } else if let field = SeparationRequest.field(name) {
                    try field.set(value, in: &self)
                    let isOff = field.form == .flag && Field.truth(value) == false
                    if !isOff { given.append(name) }
                } else {
                    throw .unknownField(name)
                }
            }
            if hasNoStems {
                throw .invalidValue(
                    field: "stems", value: SeparationRequest.noStems,
                    expected: "names of stems")
            }
            try validate(given: given)
        } catch {
            throw Problem(error)
        }
        if mixes.count > SeparationRequest.mostJobOutputs {
            throw SeparationRequest.tooManyOutputs(mixes.count)
        }
    }

    /// Most signals that a job writes.
    static let mostJobOutputs = 16

    private static func tooManyOutputs(_ count: Int) -> Problem {
        Problem(
            .invalidOption,
            "The job would have \(count) stems or more, expected at most \(mostJobOutputs). Leave "
                + "out some of 'mix'.")
    }

    /// The outputs of a job for a model.
    ///
    /// - Throws: `Problem`, also for too many.
    func jobOutputs(of sources: [String]) throws(Problem) -> [NamedSignal] {
        let outputs: [NamedSignal]
        do throws(RequestError) { outputs = try self.outputs(of: sources) } catch {
            throw Problem(error)
        }
        if outputs.count > SeparationRequest.mostJobOutputs {
            throw SeparationRequest.tooManyOutputs(outputs.count)
        }
        return outputs
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
            "clip-mode": .text(clipMode.rawValue),
            "gain": .text(output(gain: SeparationRequest.jobGain).gain.rawValue),
            "mp3-bitrate": .integer(mp3Bitrate), "mp3-preset": .integer(mp3Preset),
            "output-rate": .text(outputRate.rawValue),
        ]
    }
}

extension SeparationRequest.Format {
    var mediaType: String {
        switch self {
        case .wav: "audio/wav"
        case .flac: "audio/flac"
        case .mp3: "audio/mpeg"
        }
    }
}

extension Problem {
    /// The error of a request, in terms of the fields.
    init(_ error: RequestError) {
        switch error {
        case .invalidValue(let field, let value, let expected):
            self = .option(
                field, value: value,
                expected: expected.replacing(/`([^`]+)`/) { "'\($0.output.1)'" }
            )
        case .unknownField(let name):
            let names = ["model"] + SeparationRequest.fields.map(\.name)
            self.init(
                .invalidOption,
                "There is no option '\(name.prefix(100))'; expected one of "
                    + names.joined(separator: ", "))
        case .combined(let one, let other):
            self.init(.invalidOption, "'\(one)' can't be combined with '\(other)'.")
        case .sameName(let name):
            self.init(
                .invalidOption,
                "Two stems would be called '\(name)'. Rename the one in 'mix'.")
        }
    }
}
