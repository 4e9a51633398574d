// Also Embedded Swift: typed throws, no key paths, no casts.
// The description of a quantised checkpoint: the value of `quantization` in a safetensors file's
// metadata. `docs/formats.md` describes the file.

/// The form of a layer: the types of its weights and of the activations that it multiplies.
package enum LayerForm: String, Sendable, CaseIterable {
    /// Floats of 16 bits, not quantised.
    case float
    /// INT8 weights; activations are bfloat16, or whole numbers of 14 bits on CPUs that do not
    /// multiply bfloat16, or float32 if the whole model runs in float32.
    case w8 = "int8-weights"
    /// INT8 weights and activations.
    case w8a8 = "int8"
}

/// The forms of a quantised checkpoint's layers.
package struct QuantizationScheme: Sendable, Equatable {
    /// Name of the scheme: symmetric, with a scale for each output channel.
    static let name = "int8-symmetric-per-channel"
    static let metadataKey = "quantization"
    package static func scaleName(of tensor: String) -> String { tensor + ".scale" }

    /// The form of each quantised tensor.
    package let layers: [String: LayerForm]
    /// Source file and calibration of the checkpoint; for people, ignored by the engine. Numbers
    /// are finite.
    package let origin: [String: ArgumentValue]

    package init(layers: [String: LayerForm], origin: [String: ArgumentValue]) {
        self.layers = layers
        self.origin = origin
    }

    /// The scheme's entry in the file's metadata.
    package var metadata: [String: String] {
        let value = ArgumentValue.object([
            "scheme": .string(Self.name),
            "layers": .object(layers.mapValues { .string($0.rawValue) }),
            "origin": .object(origin),
        ])
        return value.json.map { [Self.metadataKey: $0] } ?? [:]
    }
}

extension Checkpoint {
    /// The scheme of a quantised checkpoint; nil for a checkpoint that is not quantised.
    ///
    /// - Throws: ``WeightsError/metadataInvalid(path:key:problem:)``.
    package func quantizationScheme() throws(WeightsError) -> QuantizationScheme? {
        guard metadata[QuantizationScheme.metadataKey] != nil else { return nil }
        func invalid(_ problem: String) -> WeightsError {
            .metadataInvalid(path: path, key: QuantizationScheme.metadataKey, problem: problem)
        }
        guard case .object(let members) = try argument(QuantizationScheme.metadataKey),
            case .object(let layers) = members["layers"]
        else { throw invalid("expected an object with \"layers\"") }
        guard members["scheme"] == .string(QuantizationScheme.name) else {
            throw invalid(
                "the scheme is \(members["scheme"] ?? .null); only \(QuantizationScheme.name) is "
                    + "known, update the program")
        }
        var forms: [String: LayerForm] = [:]
        for (name, value) in layers {
            guard case .string(let text) = value, let form = LayerForm(rawValue: text),
                form != .float
            else { throw invalid("the form of \(name) is \(value); expected int8 or int8-weights") }
            forms[name] = form
        }
        var origin: [String: ArgumentValue] = [:]
        if case .object(let stored) = members["origin"] { origin = stored }
        return QuantizationScheme(layers: forms, origin: origin)
    }

    /// Whether the checkpoint's weights are quantised in this engine's scheme.
    package var isQuantized: Bool { metadata[QuantizationScheme.metadataKey] != nil }
}
