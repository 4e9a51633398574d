// The stems of a stem file.

import Demucs

extension SeparationRequest {
    /// The four stems of a stem file: the model's own if it has four; otherwise mixes join stems
    /// until four are left.
    ///
    /// - Throws: `RunError` for a model with fewer stems, or if the mixes don't leave four.
    func stemFileParts(of sources: [String]) throws(RunError) -> [NamedSignal] {
        let count = StemFileFormat.stemCount
        if sources.count == count { return sources.map { NamedSignal($0, .stem($0)) } }
        guard sources.count > count else {
            throw .settings(
                "stem files need a model of at least \(count) stems; this one has "
                    + "\(sources.count): \(sources.joined(separator: ", "))")
        }
        do throws(RequestError) {
            for mix in mixes { try check(mix.parts, "mix", allowed: sources) }
        } catch {
            throw .request(error)
        }
        let sums = mixes.filter { !$0.isRest }
        var rest = sums
        var parts: [NamedSignal] = []
        var used: Set<String> = []
        for source in sources where !used.contains(source) {
            guard let index = rest.firstIndex(where: { $0.parts.contains(source) }) else {
                parts.append(NamedSignal(source, .stem(source)))
                continue
            }
            let mix = rest.remove(at: index)
            used.formUnion(mix.parts)
            parts.append(NamedSignal(mix.name, .sum(sources.filter(mix.parts.contains))))
        }
        // A stem in two mixes would be added twice.
        let isHeardOnce = sums.reduce(0) { $0 + $1.parts.count } == used.count
        if parts.count == count, isHeardOnce { return parts }
        // The example in the error keeps drums, bass and vocals, which DJs use most.
        let others = sources.filter { !["drums", "bass", "vocals"].contains($0) }
        let joinedCount = sources.count - count + 1
        let joined = others.count == joinedCount ? others[...] : sources.suffix(joinedCount)
        throw .settings(
            "a stem file has \(count) stems, and this model has \(sources.count): "
                + sources.joined(separator: ", "),
            remedy: "join some with `mix`, each in one mix, until \(count) are left, such as "
                + "`mix rest=\(joined.joined(separator: "+"))`")
    }
}
