// The layers of the network as steps (docs/MODEL.md, sections 4 to 7), which show what a port has in
// place of one of them.

/// One value of a network as steps from the values that feed it.
///
/// The steps change a current ``Grid``. They are plain and slow; the engine's own layers fuse them.
struct Formula: Equatable {
    /// The value that the first step changes; nil for a value that nothing feeds.
    var start: String?
    var steps: [Step]

    enum Step: Equatable {
        case convolution(Convolution)
        /// Convolution's transpose without padding: output[stride · p + tap] += weight · input[p].
        case transposedConvolution(Convolution)
        /// More columns of zeros.
        case padding(count: Int, Placement = .end)
        /// `count` rows or columns from `start` on.
        case crop(isVertical: Bool, start: Int, count: Int)
        case norm(Norm)
        case activation(Activation)
        /// The first half of the channels times a function of the second half.
        case gate(Gate = .sigmoid)
        /// A factor for each channel: LayerScale.
        case scale(weight: String)
        /// Adds a value.
        case add(String)
        /// Adds factor · weight[row, channel] to each column.
        case embedding(weight: String, factor: Double)
        case attention(Attention)
        /// Keeps the current grid for `addKept`.
        case keep
        case addKept
        /// Rows become batch items, [1, C, F, T] to [F, C, 1, T], and back.
        case rows
        /// [C, 1, a · b] becomes [C, 1, b · a], in the order of the transpose of a rows.
        case transpose(rows: Int)
        /// [C, F, T] with another number of rows.
        case reshape(rows: Int)
        /// (x − mean) / (1e-5 + std) over all elements.
        case standardise(Standardisation = .exact)
        /// x · std + mean of another value.
        case restore(String)
        case positions(Positions)
        case rmsNorm(RMSNorm)
        case rotaryAttention(RotaryAttention)
    }

    enum Placement { case end, both, start }
    enum Activation { case gelu, tanhGELU, sigmoidGELU, relu, silu }
    enum Gate { case sigmoid, swapped, tanh }
    enum Standardisation { case exact, biased, withoutMean, ofChannels }

    struct Convolution: Equatable {
        var weight: String
        var bias: String?
        /// Whether a kernel of one dimension lies along the rows; else along the columns.
        var isVertical = false
        var stride = 1
        /// Zeros before and after, along each dimension of the kernel.
        var padding = [0, 0]
        var dilation = 1
        var change: WeightChange?

        init(_ module: String, isVertical: Bool = false, stride: Int = 1, padding: Int = 0) {
            weight = module + ".weight"
            bias = module + ".bias"
            self.isVertical = isVertical
            self.stride = stride
            self.padding = [padding, padding]
        }
    }

    /// Other weights in place of a layer's own.
    enum WeightChange: CaseIterable { case reversed, transposed, bfloat16, float16 }

    struct Norm: Equatable {
        /// The module, with a weight and a bias for each channel.
        var name: String
        var over: Extent
        var epsilon = 1e-5
        var isUnbiased = false
        var isAffine = true

        enum Extent: Equatable {
            /// The positions and the channels of a group; GroupNorm.
            case groups(Int)
            /// The channels of a position; LayerNorm.
            case channels
            /// Everything, batch items too.
            case batch
        }
    }

    struct Attention: Equatable {
        /// The module, with `in_proj_weight`, `in_proj_bias` and `out_proj`.
        var name: String
        var heads: Int
        /// The tokens that are read; none for the current ones.
        var keys: [Formula] = []
        /// The thirds of `in_proj_weight` that make queries, keys and values.
        var order = [0, 1, 2]
        /// Whose number of channels scales the scores.
        var scale = Scale.head

        enum Scale { case head, model, none }
    }

    /// x / ‖x‖ · √channels, times a gain.
    struct RMSNorm: Equatable {
        /// The module, with `gamma`.
        var name: String
        /// Of the mean square.
        var epsilon = 0.0
        var isCentred = false
        var isScaled = true
        var isAffine = true
    }

    /// A RoFormer's attention, with rotated queries and keys, and a gate for each head.
    struct RotaryAttention: Equatable {
        /// The module, with `to_qkv`, `to_gates`, `to_out.0` and `rotary_embed.freqs`.
        var name: String
        var heads: Int
        /// Channels of a head.
        var size: Int
        /// The thirds of `to_qkv` that make queries, keys and values.
        var order = [0, 1, 2]
        var isScaled = true
        var rotation = Rotation.pairs
        var gate = Activation?.some(.sigmoid)

        /// Which channels of a head turn together: neighbours, or one of each half.
        enum Rotation { case pairs, halves, none, ofQueries }
        enum Activation { case sigmoid, tanh }
    }

    struct Positions: Equatable {
        /// Rows of the 2-D embedding; nil for the 1-D one.
        var frequencies: Int?
        /// Tokens.
        var length: Int
        var channels: Int
        var maxPeriod: Double
        var swapsSines = false
        /// The exponents' denominator is half of a table's channels, or one less.
        var hasOtherExponent = false
        /// Tokens with frequency outermost.
        var isTransposed = false
    }
}
