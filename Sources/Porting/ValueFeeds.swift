// Which values of a trace are computed from which.

import System

/// The values that feed each value of a network, by the reference's names
/// (`HTDemucs.forward`, `HDemucs.forward`, `BSRoformer.forward`).
///
/// In place of a value that a trace leaves out, its own feeds count.
struct ValueFeeds {
    private let chunks: [String: Chunk]

    /// - Parameters:
    ///   - all: the names of a whole trace, which show the network's structure, each with an
    ///     optional chunk: `chunk-00003/output`.
    ///   - compared: the names of which feeds consist.
    init(all: [String], compared: [String]) {
        let compared = Set(compared)
        chunks = Dictionary(grouping: all, by: Self.prefix).mapValues { names in
            Chunk(
                all: Set(names.map(FilePath.name)),
                compared: Set(names.filter(compared.contains).map(FilePath.name)))
        }
    }

    /// `chunk-00003/`, or nothing.
    private static func prefix(of name: String) -> String {
        String(name.dropLast(FilePath.name(of: name).count))
    }

    /// The names of the values that a value is computed from: none for an input or a constant.
    ///
    /// - Returns: nil for a name that the reference doesn't have.
    func feeds(of name: String) -> Set<String>? {
        let prefix = Self.prefix(of: name)
        return chunks[prefix]?.feeds(of: FilePath.name(of: name))
            .map { feeds in Set(feeds.map { prefix + $0 }) }
    }

    /// The values of one chunk.
    private struct Chunk {
        let all: Set<String>
        let compared: Set<String>

        /// The compared values that a value is computed from.
        func feeds(of name: String) -> [String]? {
            guard var waiting = direct(name) else { return nil }
            var found: [String] = []
            var seen: Set<String> = []
            while let next = waiting.popLast() {
                if !seen.insert(next).inserted { continue }
                if compared.contains(next) {
                    found.append(next)
                } else {
                    waiting += direct(next) ?? []
                }
            }
            return found
        }

        private func has(_ name: String) -> Bool { all.contains(name) }
        private var isRoFormer: Bool { has("band_split") }

        /// The last layer of a list of layers; nil if no value of the list is there.
        private func last(_ list: String) -> Int? {
            let start = "\(list)."
            return all.lazy.filter { $0.hasPrefix(start) }
                .compactMap { Int($0.dropFirst(start.count).prefix { $0 != "." }) }.max()
        }

        /// The values that the reference computes a value from; nil for an unknown name.
        private func direct(_ name: String) -> [String]? {
            let path = name.split(separator: ".").map(String.init)
            return switch path.first {
            case "mix", "input": []
            case "mag", "xt", "stft_repr": ["mix"]
            // The spectrogram, or the waveform of a network without one.
            case "x": [isRoFormer ? "stft_repr" : "mag"]
            case "band_split": ["x"]
            case "layers": axial(path.dropFirst().compactMap { Int($0) })
            case "final_norm": last("layers").map { ["layers.\($0).1"] } ?? []
            case "mask_estimators":
                has("final_norm") ? ["final_norm"] : last("layers").map { ["layers.\($0).1"] } ?? []
            case "final" where isRoFormer:
                ["stft_repr"] + (0...(last("mask_estimators") ?? 0)).map { "mask_estimators.\($0)" }
            case "encoder", "tencoder": encoder(path[0], path.dropFirst())
            case "channel_upsampler": last("encoder").map { ["encoder.\($0)"] } ?? []
            case "channel_upsampler_t": last("tencoder").map { ["tencoder.\($0)"] } ?? []
            case "crosstransformer": transformer(path.dropFirst())
            case "channel_downsampler": tokens("layers")
            case "channel_downsampler_t": tokens("layers_t")
            case "lstm": last("encoder").map { ["encoder.\($0)"] } ?? []
            case "decoder", "tdecoder": decoder(path[0], path.dropFirst())
            case "output": last("decoder").map { ["decoder.\($0)"] } ?? []
            case "add_67": last("tdecoder").map { ["tdecoder.\($0)"] } ?? []
            case "final":
                last("tdecoder") == nil && !has("add_67")
                    ? last("decoder").map { ["decoder.\($0)", "output"] } ?? ["output"]
                    : ["output", "add_67"]
            default: nil
            }
        }

        /// A transformer of a RoFormer, [layer, axis], or the residual of one of its blocks,
        /// [layer, axis, layer, block].
        private func axial(_ path: [Int]) -> [String]? {
            guard path.count == 2 || path.count == 4 else { return nil }
            let module = "layers.\(path[0]).\(path[1])"
            var input = path[1] == 1 ? "layers.\(path[0]).0" : "layers.\(path[0] - 1).1"
            if path[..<2] == [0, 0] { input = "band_split" }
            let blocks = (0...(last("\(module).layers") ?? 0)).flatMap { layer in
                [0, 1].map { (place: [layer, $0], name: "\(module).layers.\(layer).\($0)") }
            }
            // Each adds to the tokens that the next one reads.
            return [input]
                + blocks.filter {
                    path.count == 2 || $0.place.lexicographicallyPrecedes(path[2...])
                }
                .map(\.name)
        }

        private func encoder(_ branch: String, _ rest: ArraySlice<String>) -> [String]? {
            guard let layer = rest.first.flatMap(Int.init) else { return nil }
            let module = "\(branch).\(layer)"
            if rest.dropFirst().first == "embedded" { return [module] }
            var input = ["\(branch).\(layer - 1)"]
            if layer == 0 {
                input = [branch == "encoder" ? "x" : "xt"]
            } else if branch == "encoder", layer == 1, has("encoder.0.embedded") {
                input = ["encoder.0.embedded"]
            }
            // Version 3: the last layer of a waveform branch that has fewer layers.
            let inner = last("tencoder")
            if branch == "encoder", layer == inner, inner != last("encoder") {
                input.append("tencoder.\(layer)")
            }
            let parts = ["conv", "norm1", "dconv", "rewrite", "norm2"]
            return convolutional(module, rest.dropFirst(), parts, input)
        }

        private func decoder(_ branch: String, _ rest: ArraySlice<String>) -> [String]? {
            guard let layer = rest.first.flatMap(Int.init) else { return nil }
            let isTime = branch == "tdecoder"
            let encoders = last(isTime ? "tencoder" : "encoder") ?? layer
            var input = ["\(branch).\(layer - 1)"]
            if layer == 0 {
                input = [isTime ? "channel_downsampler_t" : "channel_downsampler"]
                let offset = (last("decoder") ?? 0) - (last("tdecoder") ?? 0)
                if isTime, offset > 0 { input = ["decoder.\(offset)"] }
                if has("lstm") { input = ["lstm"] }
            }
            let skip = encoders - layer
            let isEmbedded = !isTime && skip == 0 && has("encoder.0.embedded")
            input.append((isTime ? "t" : "") + "encoder.\(skip)" + (isEmbedded ? ".embedded" : ""))
            let parts = ["rewrite", "norm1", "dconv", "conv_tr"]
            return convolutional("\(branch).\(layer)", rest.dropFirst(), parts, input)
        }

        /// A layer or one of its parts, which follow each other.
        private func convolutional(
            _ module: String, _ part: ArraySlice<String>, _ parts: [String], _ input: [String]
        ) -> [String]? {
            let index = part.first.map(parts.firstIndex) ?? parts.count
            guard let index else { return nil }
            // Parts that a layer doesn't have are stepped over.
            let previous = index == 0 ? input : ["\(module).\(parts[index - 1])"]
            guard part.first == "dconv" else { return previous }
            // A residual layer reads the sum of the input and the residuals before it.
            let residuals = "\(module).dconv.layers"
            let end = part.count == 1 ? (last(residuals) ?? -1) + 1 : part.last.flatMap(Int.init)
            return previous + (0..<(end ?? 0)).map { "\(residuals).\($0)" }
        }

        private func transformer(_ rest: ArraySlice<String>) -> [String]? {
            switch rest.first {
            case "pos_emb_2d", "pos_emb": return []
            case "norm_in": return ["channel_upsampler"]
            case "norm_in_t": return ["channel_upsampler_t"]
            case "layers", "layers_t": break
            default: return nil
            }
            let list = rest[rest.startIndex]
            guard let layer = rest.dropFirst().first.flatMap(Int.init) else { return nil }
            let isTime = list == "layers_t"
            var input = tokens(list, before: layer)
            // A layer of unknown kind may read both branches.
            if !has("crosstransformer.\(list).\(layer).self_attn") {
                input += tokens(isTime ? "layers" : "layers_t", before: layer)
            }
            guard rest.count == 2 else { return input }
            let module = "crosstransformer.\(list).\(layer)"
            return input + ["self_attn", "cross_attn"].map { "\(module).\($0)" }.filter(has)
        }

        /// The tokens of a branch before a layer, or after the last one.
        private func tokens(_ list: String, before layer: Int? = nil) -> [String] {
            let isTime = list == "layers_t"
            let next = layer ?? (last("crosstransformer.\(list)") ?? -1) + 1
            if next > 0 { return ["crosstransformer.\(list).\(next - 1)"] }
            return isTime
                ? ["crosstransformer.norm_in_t", "crosstransformer.pos_emb"]
                : ["crosstransformer.norm_in", "crosstransformer.pos_emb_2d"]
        }
    }
}
