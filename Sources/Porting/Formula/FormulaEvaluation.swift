// Computes formulas from a trace and a model's weights.

import System
import Tensor
import Tracks
import WeightsLoader

/// Values and weights from which formulas are computed.
struct FormulaEvaluation {
    /// A value of the trace, by its name.
    let value: (String) throws -> NamedTensor
    /// A parameter of the model, by its name in the state dict.
    let weight: (String) throws -> NamedTensor
    /// Computes the products.
    let backend: Backend

    /// A grid between two steps.
    struct State {
        var grid = Grid(channels: 0, columns: 0) { _, _ in 0 }
        var kept: [Float] = []
    }

    /// The grid of a formula.
    func callAsFunction(_ formula: Formula) throws -> Grid {
        try formula.steps.reduce(into: start(of: formula)) { try step($1, &$0) }.grid
    }

    func start(of formula: Formula) throws -> State {
        var state = State()
        if let start = formula.start { state.grid = Grid(try value(start)) }
        return state
    }

    /// - Throws: ``PortingError`` for a value or a weight whose shape doesn't fit; the errors of
    ///   reading them.
    func step(_ step: Formula.Step, _ state: inout State) throws {
        let x = state.grid
        switch step {
        case .convolution(let layer):
            let weight = try changed(layer)
            try require(weight.shape.count > 1 && weight.shape[1] == x.channels, layer.weight)
            state.grid = x.convolved(
                layer, weight: weight,
                bias: try layer.bias.map { try parameter($0, weight.shape[0]) }, on: backend)
        case .transposedConvolution(let layer):
            let weight = try changed(layer)
            try require(weight.shape.count > 2 && weight.shape[0] == x.channels, layer.weight)
            state.grid = x.transposed(
                layer, weight: weight,
                bias: try layer.bias.map { try parameter($0, weight.shape[1]) }, on: backend)
        case .padding(let count, let placement):
            state.grid = x.padded(count: count, placement)
        case .crop(let isVertical, let start, let count):
            try require(start + count <= (isVertical ? x.rows : x.columns), "the crop")
            state.grid = x.cropped(isVertical: isVertical, start: start, count: count)
        case .norm(let norm):
            state.grid = x.normalised(
                norm, gain: try parameter(norm.name + ".weight", x.channels),
                bias: try parameter(norm.name + ".bias", x.channels))
        case .activation(let activation):
            state.grid.forEachElement { value, _ in Self.activated(activation, value) }
        case .gate(let gate): state.grid = x.gated(gate)
        case .scale(let name):
            let factors = try parameter(name, x.channels)
            state.grid.forEachElement { $0 * factors[$1] }
        case .add(let name): try add(Grid(try value(name)).values, name, to: &state)
        case .addKept: try add(state.kept, "the residual", to: &state)
        case .keep: state.kept = x.values
        case .embedding(let name, let factor):
            let table = try parameter(name, x.rows * x.channels)
            for index in x.values.indices {
                let plane = index / x.columns
                let (channel, frequency) = (plane / x.rows, plane % x.rows)
                state.grid.values[index] +=
                    Float(factor) * table[frequency * x.channels + channel]
            }
        case .attention(let attention): state.grid = try attend(attention, x)
        case .rows: state.grid = x.exchangingRows()
        case .transpose(let rows):
            try require(rows > 0 && x.rows == 1 && x.columns % rows == 0, "the order of tokens")
            state.grid = x.transposed(rows: rows)
        case .reshape(let rows):
            try require(rows > 0 && x.rows * x.columns % rows == 0, "the number of frequencies")
            state.grid = x.reshaped(rows: rows)
        case .standardise(let kind): state.grid = x.standardised(kind)
        case .restore(let name):
            let (mean, deviation) = Grid(try value(name)).statistics()
            state.grid.forEachElement { value, _ in value * deviation + mean }
        case .positions(let positions): state.grid = Self.embedding(positions)
        case .rmsNorm(let norm):
            state.grid = x.normalised(norm, gain: try parameter("\(norm.name).gamma", x.channels))
        case .rotaryAttention(let attention): state.grid = try attend(attention, x)
        }
    }

    /// A parameter of a number of elements.
    private func parameter(_ name: String, _ count: Int) throws -> [Float] {
        let values = try weight(name).values
        try require(values.count == count, name)
        return values
    }

    private func require(_ fits: Bool, _ name: String) throws {
        if !fits {
            throw PortingError.unusable(
                path: name, problem: "doesn't fit the values; give the model that they are from")
        }
    }

    private func add(_ values: [Float], _ name: String, to state: inout State) throws {
        try require(values.count == state.grid.values.count, name)
        for index in values.indices { state.grid.values[index] += values[index] }
    }

    private static func activated(_ activation: Formula.Activation, _ x: Float) -> Float {
        switch activation {
        case .gelu: 0.5 * x * (1 + erff(x * Float(0.5).squareRoot()))
        case .tanhGELU: 0.5 * x * (1 + tanhf(0.797_884_56 * (x + 0.044715 * x * x * x)))
        case .sigmoidGELU: x * sigmoid(1.702 * x)
        case .relu: max(0, x)
        case .silu: x * sigmoid(x)
        }
    }

    // MARK: - Weights

    private func changed(_ layer: Formula.Convolution) throws -> NamedTensor {
        var weight = try weight(layer.weight)
        guard let change = layer.change else { return weight }
        let matrices = weight.shape[0] * weight.shape[1]
        let taps = weight.values.count / matrices
        switch change {
        case .reversed:
            for matrix in 0..<matrices {
                weight.values[matrix * taps..<(matrix + 1) * taps].reverse()
            }
        case .transposed:
            var axes = Array(weight.shape.indices)
            // Outputs and inputs if both are as many, else the axes of a square kernel.
            if weight.shape[0] == weight.shape[1] {
                axes.swapAt(0, 1)
            } else if axes.count == 4 {
                axes.swapAt(2, 3)
            }
            let moved = NamedTensor(weight.name, weight.shape, weight.values, permuted: axes)
            if moved.shape == weight.shape { weight = moved }
        case .bfloat16:
            weight.values = weight.values.map {
                // Ties to even.
                let bits = $0.bitPattern
                return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
            }
        case .float16:
            weight.values = weight.values.map { Widening.float(fromFloat16: Narrowing.float16($0)) }
        }
        return weight
    }

    // MARK: - Tokens

    private func attend(_ attention: Formula.Attention, _ x: Grid) throws -> Grid {
        let keys = try attention.keys.first.map(callAsFunction) ?? x
        let d = x.channels
        try require(keys.channels == d && d % attention.heads == 0, attention.name)
        let weight = try parameter("\(attention.name).in_proj_weight", 3 * d * d)
        let bias = try parameter("\(attention.name).in_proj_bias", 3 * d)
        func projected(_ grid: Grid, _ third: Int) -> Grid {
            let rows = attention.order[third] * d
            return linear(
                grid, Array(weight[rows * d..<(rows + d) * d]), bias: Array(bias[rows..<rows + d]))
        }
        let (q, k, v) = (projected(x, 0), projected(keys, 1), projected(keys, 2))
        let size = d / attention.heads
        let scaled: Int? =
            switch attention.scale {
            case .head: size
            case .model: d
            case .none: nil
            }
        let joined = q.attending(
            to: k, v, size: size, factor: 1 / Float(scaled ?? 1).squareRoot(), on: backend)
        return linear(
            joined, try parameter("\(attention.name).out_proj.weight", d * d),
            bias: try parameter("\(attention.name).out_proj.bias", d))
    }

    /// - Parameter weight: `[outputs, channels]`
    private func linear(_ x: Grid, _ weight: [Float], bias: [Float]? = nil) -> Grid {
        x.convolved(
            Formula.Convolution(""),
            weight: NamedTensor("", [weight.count / x.channels, x.channels], weight), bias: bias,
            on: backend)
    }

    private func attend(_ attention: Formula.RotaryAttention, _ x: Grid) throws -> Grid {
        let (name, d) = (attention.name, x.channels)
        let inner = attention.heads * attention.size
        let weight = try parameter("\(name).to_qkv.weight", 3 * inner * d)
        let frequencies = try parameter("\(name).rotary_embed.freqs", attention.size / 2)
        func projected(_ third: Int, isRotated: Bool) -> Grid {
            let rows = attention.order[third] * inner
            let grid = linear(x, Array(weight[rows * d..<(rows + inner) * d]))
            return isRotated && attention.rotation != .none
                ? grid.rotated(frequencies, byHalves: attention.rotation == .halves) : grid
        }
        var joined = projected(0, isRotated: true).attending(
            to: projected(1, isRotated: attention.rotation != .ofQueries),
            projected(2, isRotated: false), size: attention.size,
            factor: attention.isScaled ? 1 / Float(attention.size).squareRoot() : 1, on: backend)
        if let gate = attention.gate {
            let gates = linear(
                x, try parameter("\(name).to_gates.weight", attention.heads * d),
                bias: try parameter("\(name).to_gates.bias", attention.heads))
            joined.multiply(
                by: gates.values.map { gate == .sigmoid ? sigmoid($0) : tanhf($0) },
                size: attention.size)
        }
        return linear(joined, try parameter("\(name).to_out.0.weight", d * inner))
    }

    private static func embedding(_ positions: Formula.Positions) -> Grid {
        let isTwoDimensional = positions.frequencies != nil
        let freqs = positions.frequencies ?? 1
        // Channels of the embedding of one axis; half of them are sines.
        let size = isTwoDimensional ? positions.channels / 2 : positions.channels
        let half = size / 2
        return Grid(channels: positions.channels, columns: positions.length) { channel, token in
            let times = positions.length / freqs
            let (time, frequency) =
                positions.isTransposed
                ? (token % times, token / times) : (token / freqs, token % freqs)
            let place = channel < size ? time : frequency
            let inner = channel % size
            let index = isTwoDimensional ? inner / 2 : inner % half
            let isLessOne = isTwoDimensional == positions.hasOtherExponent
            let exponent = Double(index) / Double(isLessOne ? half - 1 : half)
            let phase = Float(place) / Float(pow(positions.maxPeriod, exponent))
            let isSine = isTwoDimensional ? inner % 2 == 0 : inner >= half
            return isSine != positions.swapsSines ? sinf(phase) : cosf(phase)
        }
    }
}
