// A formula as an ONNX graph in ONNX's text format, and as a Python program around it.

import Tracks

/// The texts of a case: `case.onnxtxt` and `case.py`.
struct CaseProgram {
    private let formula: Formula
    /// The names, shapes and grids of the values that the formula reads.
    private let inputs: [String: (shape: [Int], grid: Grid)]
    /// The shapes of the parameters.
    private let weights: [String: [Int]]
    private let expected: NamedTensor

    init(
        _ formula: Formula, inputs: [NamedTensor], weights: [NamedTensor], expected: NamedTensor
    ) {
        self.formula = formula
        self.inputs = Dictionary(
            uniqueKeysWithValues: inputs.map { ($0.name, ($0.shape, Grid($0))) })
        self.weights = Dictionary(uniqueKeysWithValues: weights.map { ($0.name, $0.shape) })
        self.expected = expected
    }

    /// The taps of a convolution along rows and columns, and its zeros: left, right, top, bottom.
    private func sizes(
        _ layer: Formula.Convolution
    ) -> (weight: [Int], zeros: [Int], stride: [Int], dilation: [Int]) {
        let shape = weights[layer.weight] ?? []
        let kernel = Grid.Kernel(layer, shape)
        return (
            shape.prefix(2) + kernel.taps, kernel.padding[1] + kernel.padding[0], kernel.stride,
            kernel.dilation
        )
    }

    /// Where the formula is written.
    private var source: String {
        if Grid.isSequences(expected.name) {
            return "of a RoFormer (some of its sequences; BSRoformer of audio-separator)"
        }
        let section =
            switch expected.name.prefix(while: { $0 != "." }) {
            case "encoder", "tencoder": 5
            case "decoder", "tdecoder": 6
            case "x", "xt", "output", "add_67": 4
            default: 7
            }
        return "of HTDemucs (docs/MODEL.md, section \(section))"
    }

    // MARK: - PyTorch

    /// The program, with the formula in PyTorch.
    var python: String {
        let shape = Grid(expected)
        let natural =
            if Grid.isSequences(expected.name) {
                "y[:, :, 0].mT"
            } else if Grid.isTokens(expected.name) {
                "y.reshape(\(shape.channels), \(shape.columns)).T"
            } else {
                "y.reshape(\(list(expected.shape)))"
            }
        let lines = (torch(formula, "y") + ["return \(natural)"]).map { "    \($0)" }
        return """
            \"\"\"\(expected.name) \(source), in three libraries.

            Prints the SNR of each, and of the output found by a port, against the expected output. Needs
            NumPy; PyTorch, ONNX and ONNX Runtime where they are installed. Writes case.onnx. Inside, values
            are [batch, channels, rows, columns].
            \"\"\"

            from pathlib import Path

            import numpy as np

            HERE = Path(__file__).parent


            def layer(x, w):
                import torch
                import torch.nn.functional as F

            \(lines.joined(separator: "\n"))


            def load(kind):
                return {path.stem: np.load(path) for path in (HERE / kind).glob("*.npy")}


            def show(what, found):
                found = np.asarray(found, np.float64)
                if found.size != expected.size:
                    print(f"{what:14} has the shape {found.shape}, expected {expected.shape}")
                    return
                error = found.reshape(expected.shape) - expected
                snr = 10 * np.log10(np.sum(expected**2) / max(np.sum(error**2), 1e-300))
                print(f"{what:14} {snr:6.1f} dB")


            x, w = load("input"), load("weights")
            expected = load("expected")["\(expected.name)"].astype(np.float64)
            show("found", load("found")["\(expected.name)"])
            try:
                import onnx
                from onnx.reference import ReferenceEvaluator

                graph = onnx.parser.parse_model((HERE / "case.onnxtxt").read_text())
                graph.graph.initializer.extend(onnx.numpy_helper.from_array(w[k], k) for k in w)
                onnx.save(graph, HERE / "case.onnx")
                show("NumPy", ReferenceEvaluator(graph).run(None, x)[0])
                import onnxruntime

                session = onnxruntime.InferenceSession(HERE / "case.onnx")
                show("ONNX Runtime", session.run(None, x)[0])
            except ImportError as error:
                print(error)
            try:
                import torch

                tensors = ({k: torch.from_numpy(v) for k, v in part.items()} for part in (x, w))
                show("PyTorch", layer(*tensors))
            except ImportError as error:
                print(error)

            """
    }

    private func torchInput(_ name: String) -> String {
        guard let grid = inputs[name]?.grid else { return "" }
        if Grid.isSequences(name) { return "x[\"\(name)\"].mT[:, :, None]" }
        let transposed = Grid.isTokens(name) ? ".T" : ""
        return "x[\"\(name)\"]\(transposed).reshape(\(list(grid.shape)))"
    }

    private func torch(_ formula: Formula, _ y: String) -> [String] {
        (formula.start.map { ["\(y) = \(torchInput($0))"] } ?? [])
            + formula.steps.flatMap { torch($0, y) }
    }

    private func torch(_ step: Formula.Step, _ y: String) -> [String] {
        switch step {
        case .convolution(let layer):
            let sizes = sizes(layer)
            let padded =
                sizes.zeros.contains { $0 > 0 } ? "F.pad(\(y), (\(list(sizes.zeros))))" : y
            return [
                "\(y) = F.conv2d(\(padded), \(torchKernel(layer)), stride=(\(list(sizes.stride))), "
                    + "dilation=(\(list(sizes.dilation))))"
            ]
        case .transposedConvolution(let layer):
            let stride = list(sizes(layer).stride)
            return ["\(y) = F.conv_transpose2d(\(y), \(torchKernel(layer)), stride=(\(stride)))"]
        case .padding(let count, _): return ["\(y) = F.pad(\(y), (0, \(count)))"]
        case .crop(let isVertical, let start, let count):
            return ["\(y) = \(y).narrow(\(isVertical ? 2 : 3), \(start), \(count))"]
        case .norm(let norm):
            let parameters = "w[\"\(norm.name).weight\"], w[\"\(norm.name).bias\"]"
            if case .groups(let groups) = norm.over {
                return ["\(y) = F.group_norm(\(y), \(groups), \(parameters))"]
            }
            let channels = list(weights["\(norm.name).weight"] ?? [])
            return [
                "\(y) = F.layer_norm(\(y).movedim(1, 3), (\(channels),), \(parameters)).movedim(3, 1)"
            ]
        case .activation: return ["\(y) = F.gelu(\(y))"]
        case .gate: return ["\(y) = F.glu(\(y), 1)"]
        case .scale(let name): return ["\(y) = \(y) * w[\"\(name)\"][:, None, None]"]
        case .add(let name): return ["\(y) = \(y) + \(torchInput(name))"]
        case .embedding(let name, let factor):
            return ["\(y) = \(y) + \(factor) * w[\"\(name)\"].T[:, :, None]"]
        case .attention(let attention):
            let name = attention.name
            return (attention.keys.first.map { torch($0, "k") } ?? ["k = \(y)"]) + [
                "a, b, c = w[\"\(name).in_proj_weight\"][:, :, None, None].chunk(3)",
                "d, e, f = w[\"\(name).in_proj_bias\"].chunk(3)",
                "q, k, v = F.conv2d(\(y), a, d), F.conv2d(k, b, e), F.conv2d(k, c, f)",
                "q, k, v = (z.reshape(\(attention.heads), -1, z.shape[3]).mT for z in (q, k, v))",
                "\(y) = F.scaled_dot_product_attention(q, k, v).mT.reshape(1, -1, 1, q.shape[1])",
                "\(y) = F.conv2d(\(y), w[\"\(name).out_proj.weight\"][:, :, None, None], "
                    + "w[\"\(name).out_proj.bias\"])",
            ]
        case .keep: return ["kept = \(y)"]
        case .addKept: return ["\(y) = \(y) + kept"]
        case .rows: return ["\(y) = \(y).permute(2, 1, 0, 3)"]
        case .transpose(let rows):
            return ["\(y) = \(y).unflatten(3, (\(rows), -1)).mT.flatten(3)"]
        case .reshape(let rows): return ["\(y) = \(y).flatten(2).unflatten(2, (\(rows), -1))"]
        case .standardise: return ["\(y) = (\(y) - \(y).mean()) / (1e-5 + \(y).std())"]
        case .restore(let name):
            return ["\(y) = \(y) * x[\"\(name)\"].std() + x[\"\(name)\"].mean()"]
        case .positions: return []
        case .rmsNorm(let norm):
            let gamma = "w[\"\(norm.name).gamma\"]"
            return [
                "\(y) = F.normalize(\(y), dim=1) * len(\(gamma)) ** 0.5 * \(gamma)[:, None, None]"
            ]
        case .rotaryAttention(let attention):
            let name = attention.name
            return [
                "t = \(y)[:, :, 0].mT",
                "z = F.linear(t, w[\"\(name).to_qkv.weight\"]).unflatten(2, (3, \(attention.heads), -1))",
                "q, k, v = z.permute(2, 0, 3, 1, 4)",
                "turns = torch.arange(t.shape[1])[:, None] * w[\"\(name).rotary_embed.freqs\"]",
                "c, s = (f(turns.repeat_interleave(2, 1)) for f in (torch.cos, torch.sin))",
                "q, k = (z * c + torch.stack((-z[..., 1::2], z[..., ::2]), -1).flatten(-2) * s "
                    + "for z in (q, k))",
                "g = F.linear(t, w[\"\(name).to_gates.weight\"], w[\"\(name).to_gates.bias\"])",
                "z = F.scaled_dot_product_attention(q, k, v) * g.sigmoid().mT[..., None]",
                "z = F.linear(z.transpose(1, 2).flatten(2), w[\"\(name).to_out.0.weight\"])",
                "\(y) = z.mT[:, :, None]",
            ]
        }
    }

    private func torchKernel(_ layer: Formula.Convolution) -> String {
        "w[\"\(layer.weight)\"].reshape(\(list(sizes(layer).weight))), "
            + (layer.bias.map { "w[\"\($0)\"]" } ?? "None")
    }

    // MARK: - ONNX

    /// The graph in ONNX's text format, without the weights' values.
    var onnx: String {
        var graph = Graph()
        var y = onnx(formula, &graph)
        let grid = Grid(expected)
        if Grid.isSequences(expected.name) {
            y = graph.add("Squeeze", [y, graph.constant([2])])
            y = graph.add("Transpose", "perm = [0, 2, 1]", [y])
        } else if Grid.isTokens(expected.name) {
            y = graph.reshape(y, [grid.channels, grid.columns])
            y = graph.add("Transpose", "perm = [1, 0]", [y])
        } else {
            y = graph.reshape(y, expected.shape)
        }
        let inputs = inputs.sorted { $0.key < $1.key }
            .map { "float[\(list($0.value.shape))] \"\($0.key)\"" }.joined(separator: ", ")
        return """
            <ir_version: 10, opset_import: ["" : 21]>
            layer (\(inputs)) => (float[\(list(expected.shape))] \(y))
            {
            \(graph.nodes.map { "  \($0)\n" }.joined())}

            """
    }

    private func onnxInput(_ name: String, _ graph: inout Graph) -> String {
        guard let grid = inputs[name]?.grid else { return "" }
        let value = "\"\(name)\""
        if Grid.isSequences(name) {
            return graph.reshape(
                graph.add("Transpose", "perm = [0, 2, 1]", [value]), grid.shape)
        }
        let natural =
            Grid.isTokens(name) ? graph.add("Transpose", "perm = [1, 0]", [value]) : value
        return graph.reshape(natural, grid.shape)
    }

    private func onnx(_ formula: Formula, _ graph: inout Graph) -> String {
        var y = formula.start.map { onnxInput($0, &graph) } ?? ""
        var kept = y
        for step in formula.steps {
            if step == .keep { kept = y }
            y = step == .addKept ? graph.add("Add", [y, kept]) : onnx(step, y, &graph)
        }
        return y
    }

    private func onnx(_ step: Formula.Step, _ y: String, _ graph: inout Graph) -> String {
        switch step {
        case .convolution(let layer):
            let sizes = sizes(layer)
            // Top, left, bottom, right.
            let zeros = [2, 0, 3, 1].map { sizes.zeros[$0] }
            return graph.add(
                "Conv",
                "strides = [\(list(sizes.stride))], pads = [\(list(zeros))], "
                    + "dilations = [\(list(sizes.dilation))]",
                [y, onnxKernel(layer, &graph)] + (layer.bias.map { ["\"\($0)\""] } ?? []))
        case .transposedConvolution(let layer):
            return graph.add(
                "ConvTranspose", "strides = [\(list(sizes(layer).stride))]",
                [y, onnxKernel(layer, &graph)] + (layer.bias.map { ["\"\($0)\""] } ?? []))
        case .padding(let count, _):
            return graph.add("Pad", [y, graph.constant([0, 0, 0, 0, 0, 0, 0, count])])
        case .crop(let isVertical, let start, let count):
            let bounds = [start, start + count, isVertical ? 2 : 3].map { graph.constant([$0]) }
            return graph.add("Slice", [y] + bounds)
        case .norm(let norm):
            let parameters = ["\"\(norm.name).weight\"", "\"\(norm.name).bias\""]
            if case .groups(let groups) = norm.over {
                return graph.add(
                    "GroupNormalization", "num_groups = \(groups), epsilon = 1e-05",
                    [y] + parameters)
            }
            let moved = graph.add("Transpose", "perm = [0, 2, 3, 1]", [y])
            let normalised = graph.add(
                "LayerNormalization", "epsilon = 1e-05", [moved] + parameters)
            return graph.add("Transpose", "perm = [0, 3, 1, 2]", [normalised])
        case .activation: return graph.add("Gelu", [y])
        case .gate:
            let (a, b) = graph.halves(y)
            return graph.add("Mul", [a, graph.add("Sigmoid", [b])])
        case .scale(let name):
            return graph.add("Mul", [y, graph.reshape("\"\(name)\"", [-1, 1, 1])])
        case .add(let name): return graph.add("Add", [y, onnxInput(name, &graph)])
        case .embedding(let name, let factor):
            let table = graph.add("Transpose", "perm = [1, 0]", ["\"\(name)\""])
            let scaled = graph.add("Mul", [table, graph.constant(factor)])
            return graph.add("Add", [y, graph.add("Unsqueeze", [scaled, graph.constant([2])])])
        case .attention(let attention): return onnx(attention, y, &graph)
        case .keep, .addKept, .positions: return y
        case .rmsNorm(let norm):
            let length = graph.add("ReduceL2", [y, graph.constant([1])])
            let root = Double(weights["\(norm.name).gamma"]?[0] ?? 1).squareRoot()
            let scaled = graph.add(
                "Mul", [graph.add("Div", [y, length]), graph.constant(root)])
            return graph.add(
                "Mul", [scaled, graph.reshape("\"\(norm.name).gamma\"", [-1, 1, 1])])
        case .rotaryAttention(let attention): return onnx(attention, y, &graph)
        case .rows: return graph.add("Transpose", "perm = [2, 1, 0, 3]", [y])
        case .transpose(let rows):
            let matrix = graph.reshape(y, [0, 0, rows, -1])
            return graph.reshape(
                graph.add("Transpose", "perm = [0, 1, 3, 2]", [matrix]), [0, 0, 1, -1])
        case .reshape(let rows): return graph.reshape(y, [0, 0, rows, -1])
        case .standardise:
            // The first step.
            let (mean, deviation) = graph.statistics(
                y, shapeOf: formula.start.flatMap { inputs[$0]?.shape } ?? [])
            return graph.add(
                "Div",
                [
                    graph.add("Sub", [y, mean]),
                    graph.add("Add", [deviation, graph.constant(1e-5)]),
                ])
        case .restore(let name):
            let (mean, deviation) = graph.statistics(
                "\"\(name)\"", shapeOf: inputs[name]?.shape ?? [])
            return graph.add(
                "Add",
                [
                    graph.add("Mul", [y, graph.add("Squeeze", [deviation])]),
                    graph.add("Squeeze", [mean]),
                ])
        }
    }

    private func onnxKernel(_ layer: Formula.Convolution, _ graph: inout Graph) -> String {
        graph.reshape("\"\(layer.weight)\"", sizes(layer).weight)
    }

    private func onnx(
        _ attention: Formula.Attention, _ y: String, _ graph: inout Graph
    ) -> String {
        let keys = attention.keys.first.map { onnx($0, &graph) } ?? y
        let name = attention.name
        let channels = weights["\(name).out_proj.bias"]?[0] ?? 0
        let matrices = graph.thirds("\"\(name).in_proj_weight\"")
        let biases = graph.thirds("\"\(name).in_proj_bias\"")
        let heads = zip([y, keys, keys], zip(matrices, biases)).map { input, part in
            let kernel = graph.reshape(part.0, [channels, channels, 1, 1])
            let projected = graph.add("Conv", [input, kernel, part.1])
            return graph.reshape(projected, [attention.heads, channels / attention.heads, -1])
        }
        let scale = 1 / Double(channels / attention.heads).squareRoot()
        let queries = graph.add("Transpose", "perm = [0, 2, 1]", [heads[0]])
        let scores = graph.add(
            "Mul", [graph.add("MatMul", [queries, heads[1]]), graph.constant(scale)])
        let weights = graph.add("Softmax", "axis = -1", [scores])
        let weighted = graph.add(
            "MatMul", [heads[2], graph.add("Transpose", "perm = [0, 2, 1]", [weights])])
        let kernel = graph.reshape("\"\(name).out_proj.weight\"", [channels, channels, 1, 1])
        return graph.add(
            "Conv",
            [graph.reshape(weighted, [1, channels, 1, -1]), kernel, "\"\(name).out_proj.bias\""])
    }

    private func onnx(
        _ attention: Formula.RotaryAttention, _ y: String, _ graph: inout Graph
    ) -> String {
        let (name, heads) = (attention.name, attention.heads)
        let tokens = graph.add(
            "Transpose", "perm = [0, 2, 1]", [graph.add("Squeeze", [y, graph.constant([2])])])
        func linear(_ x: String, _ weight: String, _ graph: inout Graph) -> String {
            graph.add(
                "MatMul",
                [x, graph.add("Transpose", "perm = [1, 0]", ["\"\(name).\(weight)\""])])
        }
        let projected = graph.reshape(
            linear(tokens, "to_qkv.weight", &graph), [0, 0, 3, heads, attention.size])
        // [batch, head, token, channel]
        let parts = graph.thirds(
            graph.add("Transpose", "perm = [2, 0, 3, 1, 4]", [projected])
        ).map { graph.add("Squeeze", [$0, graph.constant([0])]) }
        // One for each token of a sequence.
        let positions = graph.add(
            "Range", [0, Double(expected.shape[1]), 1].map { graph.constant($0) })
        let turns = graph.add(
            "Mul",
            [
                graph.reshape(positions, [-1, 1, 1]),
                graph.reshape("\"\(name).rotary_embed.freqs\"", [1, -1, 1]),
            ])
        let (cosines, sines) = (graph.add("Cos", [turns]), graph.add("Sin", [turns]))
        func rotated(_ x: String, _ graph: inout Graph) -> String {
            let (a, b) = graph.halves(graph.reshape(x, [0, 0, 0, -1, 2]), axis: 4)
            func mixed(_ op: String, _ x: String, _ y: String, _ graph: inout Graph) -> String {
                graph.add(
                    op, [graph.add("Mul", [x, cosines]), graph.add("Mul", [y, sines])])
            }
            let pairs = [mixed("Sub", a, b, &graph), mixed("Add", b, a, &graph)]
            return graph.reshape(graph.add("Concat", "axis = 4", pairs), [0, 0, 0, -1])
        }
        let keys = graph.add("Transpose", "perm = [0, 1, 3, 2]", [rotated(parts[1], &graph)])
        let scores = graph.add(
            "Mul",
            [
                graph.add("MatMul", [rotated(parts[0], &graph), keys]),
                graph.constant(1 / Double(attention.size).squareRoot()),
            ])
        let attended = graph.add(
            "MatMul", [graph.add("Softmax", "axis = -1", [scores]), parts[2]])
        let gates = graph.add(
            "Sigmoid",
            [
                graph.add(
                    "Add",
                    [linear(tokens, "to_gates.weight", &graph), "\"\(name).to_gates.bias\""])
            ])
        let gated = graph.add(
            "Mul",
            [
                attended,
                graph.add(
                    "Unsqueeze",
                    [
                        graph.add("Transpose", "perm = [0, 2, 1]", [gates]),
                        graph.constant([3]),
                    ]),
            ])
        let joined = graph.reshape(
            graph.add("Transpose", "perm = [0, 2, 1, 3]", [gated]), [0, 0, -1])
        return graph.add(
            "Unsqueeze",
            [
                graph.add(
                    "Transpose", "perm = [0, 2, 1]",
                    [linear(joined, "to_out.0.weight", &graph)]),
                graph.constant([2]),
            ])
    }

    private func list(_ numbers: [Int]) -> String {
        numbers.map(String.init).joined(separator: ", ")
    }

    /// Nodes of an ONNX graph, in text.
    private struct Graph {
        private(set) var nodes: [String] = []

        mutating func add(_ op: String, _ inputs: [String]) -> String { add(op, "", inputs) }

        /// Adds a node; returns the name of its output.
        mutating func add(_ op: String, _ attributes: String, _ inputs: [String]) -> String {
            let name = "v\(nodes.count)"
            append(name, op, attributes, inputs)
            return name
        }

        private mutating func append(
            _ outputs: String, _ op: String, _ attributes: String, _ inputs: [String]
        ) {
            let options = attributes.isEmpty ? "" : " <\(attributes)>"
            nodes.append("\(outputs) = \(op)\(options) (\(inputs.joined(separator: ", ")))")
        }

        mutating func constant(_ numbers: [Int]) -> String {
            let text = numbers.map(String.init).joined(separator: ", ")
            return add("Constant", "value_ints = [\(text)]", [])
        }

        mutating func constant(_ number: Double) -> String {
            add("Constant", "value_float = \(Float(number))", [])
        }

        mutating func reshape(_ value: String, _ shape: [Int]) -> String {
            add("Reshape", [value, constant(shape)])
        }

        mutating func halves(_ value: String, axis: Int = 1) -> (String, String) {
            let name = "v\(nodes.count)"
            append("\(name)a, \(name)b", "Split", "axis = \(axis), num_outputs = 2", [value])
            return ("\(name)a", "\(name)b")
        }

        mutating func thirds(_ value: String) -> [String] {
            let names = ["a", "b", "c"].map { "v\(nodes.count)\($0)" }
            append(
                names.joined(separator: ", "), "Split", "axis = 0, num_outputs = 3", [value])
            return names
        }

        /// Mean and standard deviation of all elements, with n − 1.
        mutating func statistics(
            _ value: String, shapeOf shape: [Int]
        ) -> (mean: String, deviation: String) {
            let count = Double(shape.reduce(1, *))
            let mean = add("ReduceMean", [value])
            let difference = add("Sub", [value, mean])
            let squares = add("ReduceMean", [add("Mul", [difference, difference])])
            let unbiased = add("Mul", [squares, constant(count / (count - 1))])
            return (mean, add("Sqrt", [unbiased]))
        }
    }
}
