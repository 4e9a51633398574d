// The signals that `separate` writes for each track: stems, sums of stems, the residual.
// Reference: `--two-stems` in demucs/separate.py.

import Demucs

/// The requested outputs, before the model's stems are known.
struct OutputSelection {
    /// A signal and the name of its file.
    struct Output: Equatable, CustomStringConvertible {
        let name: String
        let signal: StemOutput.Signal

        /// The output as a formula: `no_vocals = drums + bass + other`,
        /// `minus_vocals = track - vocals`.
        var description: String {
            switch signal {
            case .stem(let stem): stem
            case .sum(let stems): "\(name) = " + stems.joined(separator: " + ")
            case .mixtureMinus(let stems): "\(name) = track - " + stems.joined(separator: " - ")
            case .mixture: "\(name) = track"
            }
        }
    }

    private typealias Mix = (name: String, parts: [String])

    private static let residualName = "residual"
    /// Value of `--stems` that writes only a stem file.
    private static let noStems = "none"

    /// Stems to write; nil for all.
    private let stems: [String]?
    private let twoStems: String?
    private let otherMethod: OtherMethod
    private let mixes: [Mix]
    private let hasResidual: Bool
    /// With `--stdout`, the only output to write.
    private let only: String?

    init(_ arguments: ParsedArguments) throws(UsageError) {
        stems = try arguments.value(.writtenStems).map { text throws(UsageError) in
            try OutputSelection.names(
                text, separator: ",", .writtenStems, allowed: "stem names such as vocals,drums")
        }
        if stems == [OutputSelection.noStems], !arguments.has(.stemFile) {
            throw UsageError(
                "'\(Option.writtenStems.long) \(OutputSelection.noStems)' needs "
                    + "'\(Option.stemFile.long)', or nothing would be written")
        }
        twoStems = arguments.value(.twoStems)
        otherMethod = try arguments.choice(.otherMethod, of: OtherMethod.allCases) ?? .add
        hasResidual = arguments.has(.residual)
        only = arguments.value(.stdout)
        var mixes: [Mix] = []
        for text in arguments.values(.mix) { mixes.append(try OutputSelection.mix(text)) }
        self.mixes = mixes
    }

    private static func mix(_ text: String) throws(UsageError) -> Mix {
        let allowed = "a name and stems, such as karaoke=drums+bass"
        guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) else {
            throw .invalidValue(.mix, value: text, allowed: allowed)
        }
        let name = String(text[..<equals])
        if let problem = FileNameTemplate.problem(withName: name) {
            throw .invalidValue(.mix, value: text, allowed: "\(allowed); the name \(problem)")
        }
        let parts = String(text[text.utf8.index(after: equals)...])
        return (name, try names(parts, separator: "+", .mix, allowed: allowed))
    }

    /// Splits a list into its parts; none may be empty or repeated.
    private static func names(
        _ text: String, separator: Character, _ option: Option, allowed: String
    ) throws(UsageError) -> [String] {
        let names = text.split(separator: separator, omittingEmptySubsequences: false)
            .map(String.init)
        if names.contains("") || Set(names).count < names.count {
            throw .invalidValue(option, value: text, allowed: "\(allowed), each once")
        }
        return names
    }

    /// The outputs for a model: stems in the model's order, then mixes, then the residual.
    ///
    /// - Throws: `UsageError` for names that the model doesn't have, and for duplicate names.
    func outputs(ofSources sources: [String]) throws(UsageError) -> [Output] {
        var outputs =
            if let twoStems { try pair(twoStems, sources) } else { try singleStems(sources) }
        for mix in mixes {
            try check(mix.parts, .mix, allowed: sources)
            // With `--stems none`, a mix is only a part of the stem file.
            if stems == [OutputSelection.noStems] { continue }
            outputs.append(Output(name: mix.name, signal: .sum(sources.filter(mix.parts.contains))))
        }
        if hasResidual {
            outputs.append(
                Output(name: OutputSelection.residualName, signal: .mixtureMinus(sources)))
        }
        var names: Set<String> = []
        // Some file systems are case-insensitive.
        for output in outputs where !names.insert(output.name.lowercased()).inserted {

            throw UsageError(
                "Two outputs would be called '\(output.name)'; rename the one in "
                    + "'\(Option.mix.usage)'")

        }
        guard let only else { return outputs }
        try check([only], .stdout, allowed: outputs.map(\.name))
        return outputs.filter { $0.name == only }
    }

    // MARK: - Stem files

    /// The four stems of a stem file: the model's own if it has four; otherwise mixes join stems
    /// until four are left.
    ///
    /// - Throws: `UsageError` for a model with fewer stems, or if the mixes don't leave four.
    func stemFileParts(ofSources sources: [String]) throws(UsageError) -> [Output] {
        let count = StemFileFormat.stemCount
        if sources.count == count { return sources.map { Output(name: $0, signal: .stem($0)) } }
        guard sources.count > count else {
            throw UsageError(
                "'\(Option.stemFile.long)' needs a model of at least \(count) stems; this one has "
                    + "\(sources.count): \(sources.joined(separator: ", "))")
        }
        for mix in mixes { try check(mix.parts, .mix, allowed: sources) }
        var rest = mixes
        var parts: [Output] = []
        var used: Set<String> = []
        for source in sources where !used.contains(source) {
            guard let index = rest.firstIndex(where: { $0.parts.contains(source) }) else {
                parts.append(Output(name: source, signal: .stem(source)))
                continue
            }
            let mix = rest.remove(at: index)
            used.formUnion(mix.parts)
            parts.append(Output(name: mix.name, signal: .sum(sources.filter(mix.parts.contains))))
        }
        // A stem in two mixes would be added twice.
        let isHeardOnce = mixes.reduce(0) { $0 + $1.parts.count } == used.count
        if parts.count == count, isHeardOnce { return parts }
        // The example in the error keeps drums, bass and vocals, which DJs use most.
        let others = sources.filter { !["drums", "bass", "vocals"].contains($0) }
        let joinedCount = sources.count - count + 1
        let joined = others.count == joinedCount ? others[...] : sources.suffix(joinedCount)
        throw UsageError(
            "A stem file has \(count) stems, and this model has \(sources.count): "
                + "\(sources.joined(separator: ", ")). Join some with '\(Option.mix.long)', each in "
                + "one mix, until \(count) are left, such as "
                + "'\(Option.mix.long) rest=\(joined.joined(separator: "+"))'")
    }

    private func pair(_ stem: String, _ sources: [String]) throws(UsageError) -> [Output] {
        try check([stem], .twoStems, allowed: sources)
        let one = Output(name: stem, signal: .stem(stem))
        switch otherMethod {
        case .none: return [one]
        case .add:
            let others = sources.filter { $0 != stem }
            return [one, Output(name: "no_\(stem)", signal: .sum(others))]
        case .minus:
            return [Output(name: "minus_\(stem)", signal: .mixtureMinus([stem])), one]
        }
    }

    private func singleStems(_ sources: [String]) throws(UsageError) -> [Output] {
        if stems == [OutputSelection.noStems] { return [] }
        let others = mixes.map(\.name) + (hasResidual ? [OutputSelection.residualName] : [])
        if let stems { try check(stems, .writtenStems, allowed: sources + others) }
        return sources.filter { stems?.contains($0) ?? true }
            .map { Output(name: $0, signal: .stem($0)) }
    }

    private func check(
        _ names: [String], _ option: Option, allowed: [String]
    ) throws(UsageError) {
        if let unknown = names.first(where: { !allowed.contains($0) }) {
            throw .invalidValue(
                option, value: unknown, allowed: "one of " + allowed.joined(separator: ", "))
        }
    }
}
