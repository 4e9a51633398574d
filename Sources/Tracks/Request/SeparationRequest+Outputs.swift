// Also Embedded Swift: typed throws, no key paths, no casts.
// The signals that a request asks for: stems, sums of stems, the residual.
// Reference: `--two-stems` in demucs/separate.py.

import System

extension SeparationRequest {
    package static let residualName = "residual"
    /// Value of `stems` that asks for none.
    package static let noStems = "none"

    /// Whether the request asks for no files of single stems.
    package var hasNoStems: Bool { stems == [SeparationRequest.noStems] }

    /// Whether the request names no stems, so that all are written.
    package var asksForAllStems: Bool { stems == nil && twoStems == nil }

    /// The outputs for a model: stems in the model's order, then mixes, then the residual.
    ///
    /// - Throws: `RequestError` for names that the model doesn't have, and for duplicate names.
    package func outputs(of stems: ModelStems) throws(RequestError) -> [NamedSignal] {
        let sources = stems.sources
        var outputs = if let twoStems { try pair(twoStems, sources) } else { try single(stems) }
        // Sources that the outputs so far contain: both of a pair contain all.
        var contained = Set(
            twoStems != nil && outputs.count == 2 ? sources : outputs.flatMap { $0.signal.stems })
        for mix in mixes {
            try check(mix.parts, "mix", allowed: stems.all)
            // Without single stems, a mix is only a part of the stem file.
            if hasNoStems { continue }
            let parts = stems.all.filter(mix.parts.contains)
            let heard = mix.isRest ? sources.filter { !parts.contains($0) } : parts
            outputs.append(
                NamedSignal(
                    mix.name, mix.isRest ? .mixtureMinus(parts) : .sum(parts),
                    isPart: contained.isDisjoint(with: heard)))
            contained.formUnion(heard)
        }
        if hasResidual {
            outputs.append(NamedSignal(SeparationRequest.residualName, .mixtureMinus(sources)))
        }
        var names: Set<String> = []
        // Some file systems are case-insensitive.
        for output in outputs where !names.insert(output.name.foldedASCII).inserted {
            throw .sameName(output.name)
        }
        return outputs
    }

    private func pair(_ stem: String, _ sources: [String]) throws(RequestError) -> [NamedSignal] {
        try check([stem], "two-stems", allowed: sources)
        let one = NamedSignal(stem, .stem(stem))
        switch otherMethod {
        case .none: return [one]
        case .add: return [one, NamedSignal("no_\(stem)", .sum(sources.filter { $0 != stem }))]
        case .minus: return [NamedSignal("minus_\(stem)", .mixtureMinus([stem])), one]
        }
    }

    private func single(_ known: ModelStems) throws(RequestError) -> [NamedSignal] {
        if hasNoStems { return [] }
        let sums = mixes.map { $0.name } + (hasResidual ? [SeparationRequest.residualName] : [])
        if let stems { try check(stems, "stems", allowed: known.all + sums) }
        func isWritten(_ name: String) -> Bool { stems?.contains(name) ?? true }
        let sources = known.sources.filter(isWritten)
        return sources.map { NamedSignal($0, .stem($0)) }
            + known.others.filter(isWritten).map {
                NamedSignal($0, .stem($0), isPart: sources.isEmpty)
            }
            + known.parts.filter { isWritten($0.name) }.map {
                NamedSignal($0.name, .stem($0.name), isPart: !isWritten($0.stem))
            }
    }

    /// - Throws: `RequestError.invalidValue` for the first name that is not allowed.
    package func check(
        _ names: [String], _ field: String, allowed: [String]
    ) throws(RequestError) {
        if let unknown = names.first(where: { !allowed.contains($0) }) {
            throw .invalidValue(
                field: field, value: unknown,
                expected: "one of " + allowed.joined(separator: ", "))
        }
    }
}
