// One layer to hand over: its input, weights and output, and a program that computes it.

import Demucs
import System
import Tracks

/// Writes a layer of a port as a case that anybody can reproduce.
///
/// `input`, `weights`, `expected` and `found` are written as a safetensors file and as a folder of
/// `.npy` files each, by the names of values and parameters in the reference. `case.onnxtxt` is the
/// layer as an ONNX graph in text; `case.py` runs it in NumPy, PyTorch and ONNX Runtime.
package struct CaseFolder {
    private let layer: LayerFormula
    private let expected: NamedTensor
    private let found: NamedTensor

    /// A case of a wrong value.
    ///
    /// - Parameters:
    ///   - report: a comparison of `reference` and `found`.
    ///   - model: the model of the reference's values.
    /// - Returns: nil if no error begins.
    /// - Throws: ``PortingError`` for a value without a formula, and for values that can't be read.
    package init?(
        of report: ComparisonReport, reference: TensorCollection, found: TensorCollection,
        model: OpenedModel?
    ) throws {
        guard let cliff = report.cliff else { return nil }
        let name = cliff.comparison.name
        guard
            let layer = try LayerFormula(
                of: name, in: reference, compared: report.compared, model: model)
        else {
            throw PortingError.unusable(
                path: name,
                problem: model == nil
                    ? "has no known model; name it with -n"
                    : "is not computed by a formula of docs/MODEL.md, sections 4 to 7, or the "
                        + "trace lacks what feeds it; expected a float model of HTDemucs, or a "
                        + "value inside a transformer of a RoFormer")
        }
        guard layer.formula.start != nil else {
            throw PortingError.unusable(
                path: name,
                problem: "is a constant (docs/MODEL.md, section 7): no layer has it wrong")
        }
        self.layer = layer
        expected = try layer.evaluation.value(layer.name)
        let tensor = try found.tensor(name, like: reference)
        self.found =
            report.cliff?.comparison.isComparable == true
            ? NamedTensor(layer.name, expected.shape, layer.sample(tensor))
            : NamedTensor(layer.name, Array(tensor.shape.unbatched), tensor.values)
    }

    /// Writes the case.
    ///
    /// - Parameter folder: must be missing or empty.
    /// - Throws: ``PortingError``.
    package func write(to folder: String) throws {
        let present: [String]
        do {
            try FilePath.makeFolder(folder)
            present = try FilePath.names(in: folder)
        } catch {
            throw PortingError.unwritable(folder, "\(error)")
        }
        guard present.isEmpty else {
            throw PortingError.unusable(
                path: folder, problem: "is not empty; give another folder for the case")
        }
        let formula = layer.formula
        let inputs = try formula.reads.uniqued.map(layer.evaluation.value)
        let weights = try formula.parameters.map(layer.evaluation.weight)
        try write(inputs, "input", to: folder)
        try write(weights, "weights", to: folder)
        try write([expected], "expected", to: folder)
        try write([found], "found", to: folder)
        let program = CaseProgram(formula, inputs: inputs, weights: weights, expected: expected)
        for (name, text) in [("case.onnxtxt", program.onnx), ("case.py", program.python)] {
            try TensorFile.write(Array(text.utf8), to: FilePath.joined(folder, name))
        }
    }

    private func write(_ tensors: [NamedTensor], _ name: String, to folder: String) throws {
        let path = FilePath.joined(folder, name)
        var header = SafetensorsHeader()
        var values: [UInt8] = []
        let encoding = TensorEncoding(.npy, .float32)
        do { try FilePath.makeFolder(path) } catch {
            throw PortingError.unwritable(path, "\(error)")
        }
        for tensor in tensors {
            header.append(tensor.name, tensor.shape, .float32)
            let bytes = try encoding.bytes(tensor, path: path)
            values += bytes
            try TensorFile.write(
                encoding.header(tensor.name, tensor.shape) + bytes,
                to: FilePath.joined(path, "\(tensor.name).npy"))
        }
        try TensorFile.write((header.bytes() ?? []) + values, to: "\(path).safetensors")
    }
}

extension Formula {
    /// The parameters that the steps read, each once.
    var parameters: [String] {
        steps.flatMap { step -> [String] in
            switch step {
            case .convolution(let layer), .transposedConvolution(let layer):
                [layer.weight] + (layer.bias.map { [$0] } ?? [])
            case .norm(let norm): [norm.name + ".weight", norm.name + ".bias"]
            case .scale(let name), .embedding(let name, _): [name]
            case .rmsNorm(let norm): ["\(norm.name).gamma"]
            case .rotaryAttention(let attention):
                [
                    "to_qkv.weight", "to_gates.weight", "to_gates.bias", "to_out.0.weight",
                    "rotary_embed.freqs",
                ].map { "\(attention.name).\($0)" }
            case .attention(let attention):
                ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]
                    .map { "\(attention.name).\($0)" } + attention.keys.flatMap(\.parameters)
            default: []
            }
        }.uniqued
    }
}

extension [String] {
    /// Each element once.
    fileprivate var uniqued: [String] { Set(self).sorted() }
}
