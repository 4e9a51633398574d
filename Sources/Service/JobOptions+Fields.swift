// Parses options from the fields of a form or a query.

import Audio
import Demucs
import Files

extension JobOptions {
    /// Names of all fields.
    static let fieldNames = [
        "model", "name", "stems", "two-stems", "other-method", "mix", "residual", "shifts", "seed",
        "overlap", "segment", "no-split", "start", "duration", "downmix", "precision", "format",
        "flac", "mp3", "int24", "float32", "clip-mode", "gain", "mp3-bitrate", "mp3-preset",
        "output-rate",
    ]

    /// - Throws: `Problem` for an unknown field or an invalid value.
    init(fields: [(name: String, value: String)]) throws(Problem) {
        self.init()
        for (name, value) in fields { try set(name, value) }
        if stems != nil, twoStems != nil {
            throw Problem(.invalidOption, "'stems' can't be combined with 'two-stems'.")
        }
        if segment != nil, !split {
            throw Problem(.invalidOption, "'segment' can't be combined with 'no-split'.")
        }
        // A common gain is only possible with the clip mode `rescale`.
        if clipMode != .rescale {
            if fields.contains(where: { $0.name == "gain" && $0.value == "common" }) {
                throw .option(
                    "gain", value: "common",
                    expected: "stem, because 'clip-mode' \(clipMode.rawValue) has no gain")
            }
            gain = .perStem
        }
        do { try separation.validate() } catch { throw Problem(error) }
    }

    private mutating func set(_ name: String, _ value: String) throws(Problem) {
        switch name {
        case "model", "name": model = value
        case "stems": stems = try JobOptions.names(value, ",", name)
        case "two-stems": twoStems = value
        case "other-method": otherMethod = try JobOptions.choice(name, value, OtherMethod.allCases)
        case "mix": mixes.append(try JobOptions.mix(value))
        case "residual": hasResidual = try JobOptions.flag(name, value)
        case "shifts": shifts = try JobOptions.whole(name, value, 0...100)
        case "seed":
            guard let number = UInt64(value) else {
                throw .option(name, value: value, expected: "a whole number from 0")
            }
            seed = number
        case "overlap": overlap = try JobOptions.number(name, value)
        case "segment": segment = try JobOptions.number(name, value)
        case "no-split": split = !(try JobOptions.flag(name, value))
        case "start": start = try JobOptions.number(name, value)
        case "duration":
            duration = try JobOptions.number(name, value)
            if duration == 0 { throw .option(name, value: value, expected: "more than 0") }
        case "downmix": downmix = try JobOptions.choice(name, value, Downmix.allCases)
        case "precision":
            guard JobOptions.precisions.contains(value) else {
                throw .option(
                    name, value: value,
                    expected: "one of " + JobOptions.precisions.joined(separator: ", "))
            }
            precision = value
        case "format": format = try JobOptions.choice(name, value, Format.allCases)
        case "flac": if try JobOptions.flag(name, value) { format = .flac }
        case "mp3": if try JobOptions.flag(name, value) { format = .mp3 }
        case "int24": if try JobOptions.flag(name, value) { sampleFormat = .int24 }
        case "float32": if try JobOptions.flag(name, value) { sampleFormat = .float32 }
        case "clip-mode":
            clipMode = try JobOptions.choice(name, value, [.rescale, .clamp, .none])
        case "gain": gain = try JobOptions.choice(name, value, OutputOptions.Gain.allCases)
        case "mp3-bitrate":
            mp3Bitrate = try JobOptions.whole(name, value, MP3Settings.supportedBitRates)
        case "mp3-preset":
            mp3Preset = try JobOptions.whole(name, value, MP3Settings.supportedPresets)
        case "output-rate":
            outputRate = try JobOptions.choice(name, value, OutputOptions.Rate.allCases)
        default:
            throw Problem(
                .invalidOption,
                "There is no option '\(name.prefix(100))'; expected one of "
                    + JobOptions.fieldNames.joined(separator: ", "))
        }
    }

    // MARK: - Values

    private static func choice<Choice: RawRepresentable<String>>(
        _ name: String, _ value: String, _ choices: [Choice]
    ) throws(Problem) -> Choice {
        guard let choice = choices.first(where: { $0.rawValue == value }) else {
            throw .option(
                name, value: value,
                expected: "one of " + choices.map(\.rawValue).joined(separator: ", "))
        }
        return choice
    }

    private static func whole(
        _ name: String, _ value: String, _ range: ClosedRange<Int>
    ) throws(Problem) -> Int {
        guard let number = Int(value), range.contains(number) else {
            throw .option(
                name, value: value,
                expected: "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private static func number(_ name: String, _ value: String) throws(Problem) -> Double {
        guard let number = Double(value), number.isFinite, number >= 0 else {
            throw .option(name, value: value, expected: "a number from 0")
        }
        return number
    }

    /// An empty value enables a flag, as in a query `?flac`.
    private static func flag(_ name: String, _ value: String) throws(Problem) -> Bool {
        switch value {
        case "", "1", "true", "on", "yes": true
        case "0", "false", "off", "no": false
        default: throw .option(name, value: value, expected: "true or false")
        }
    }

    private static func names(
        _ value: String, _ separator: Character, _ option: String
    ) throws(Problem) -> [String] {
        let names = value.split(separator: separator, omittingEmptySubsequences: false)
            .map(String.init)
        if names.contains("") || Set(names).count < names.count {
            throw .option(
                option, value: value,
                expected: "names with '\(separator)' between them, each once")
        }
        return names
    }

    private static func mix(_ value: String) throws(Problem) -> Mix {
        let sides = value.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2, isName(sides[0]) else {
            throw .option(
                "mix", value: value,
                expected: "a name and stems, such as karaoke=drums+bass; the name without '/'")
        }
        return Mix(name: String(sides[0]), parts: try names(String(sides[1]), "+", "mix"))
    }

    /// Whether a text may name a stem; the name becomes a part of addresses and of file names.
    private static func isName(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.count <= 100 && text.first != "."
            && text.unicodeScalars.allSatisfy {
                $0.value >= 0x20 && $0.value != 0x7F && !"/\\\"<>|:*?".unicodeScalars.contains($0)
            }
    }
}

extension JobOptions {
    /// A signal that a job writes.
    struct Output: Equatable {
        let name: String
        let signal: StemOutput.Signal
        /// Whether it is one of the signals that sum to the track.
        let isPart: Bool
    }

    /// The signals for a model, in the same order as in the command: stems, mixes, the residual.
    ///
    /// - Throws: `Problem` for names that the model doesn't have, and for duplicate names.
    func outputs(ofSources sources: [String]) throws(Problem) -> [Output] {
        func check(_ names: [String], _ option: String, _ known: [String]) throws(Problem) {
            if let unknown = names.first(where: { !known.contains($0) }) {
                throw .option(
                    option, value: unknown, expected: "one of " + known.joined(separator: ", "))
            }
        }
        var outputs: [Output] = []
        if let twoStems {
            try check([twoStems], "two-stems", sources)
            outputs.append(Output(name: twoStems, signal: .stem(twoStems), isPart: true))
            switch otherMethod {
            case .none: break
            case .add:
                let others = sources.filter { $0 != twoStems }
                outputs.append(Output(name: "no_\(twoStems)", signal: .sum(others), isPart: true))
            case .minus:
                outputs.append(
                    Output(
                        name: "minus_\(twoStems)", signal: .mixtureMinus([twoStems]), isPart: true))
            }
        } else {
            let others = mixes.map(\.name) + (hasResidual ? ["residual"] : [])
            if let stems { try check(stems, "stems", sources + others) }
            outputs = sources.filter { stems?.contains($0) ?? true }
                .map { Output(name: $0, signal: .stem($0), isPart: true) }
        }
        for mix in mixes {
            try check(mix.parts, "mix", sources)
            outputs.append(
                Output(
                    name: mix.name, signal: .sum(sources.filter(mix.parts.contains)), isPart: false)
            )
        }
        if hasResidual {
            outputs.append(Output(name: "residual", signal: .mixtureMinus(sources), isPart: true))
        }
        if Set(outputs.map { $0.name.lowercased() }).count < outputs.count {
            throw Problem(
                .invalidOption, "Two stems would have the same name. Rename the one in 'mix'.")
        }
        return outputs
    }
}
