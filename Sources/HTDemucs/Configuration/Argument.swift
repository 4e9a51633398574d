// Also Embedded Swift: typed throws, no key paths, no casts.
// The arguments of the reference's constructors, a row each. Upper limits are far above any published
// model: they keep a damaged file from requesting more memory than the machine has, and products of
// sizes from overflowing.

import Networks
import Signal
import WeightsLoader

/// An argument of a constructor: what the engine reads of it, and the allowed values.
struct Argument {
    typealias Arguments = Configuration.Hyperparameters
    typealias Access<Value> = (inout Arguments, (inout Value) -> Void) -> Void

    enum Form {
        case integer(ClosedRange<Int>, Access<Int>)
        case number(ClosedRange<Double>, Access<Double>)
        case flag(Access<Bool>)
        case names(Access<[String]>)
        case seconds(Access<Configuration.Segment>)
        /// Supported only with its default value.
        case only(ArgumentValue)
        /// Without effect on the output: an option of training, or one of an unsupported argument.
        case ignored
    }

    /// The reference's name; several for successive arguments that are ignored.
    let names: [String]
    /// The classes that have it.
    let classes: [Architecture]
    let form: Form

    private init(_ names: String..., of classes: [Architecture], _ form: Form = .ignored) {
        (self.names, self.classes, self.form) = (names, classes, form)
    }

    var name: String { names[0] }

    /// The arguments of all classes in the order that each has.
    static var all: [Argument] {
        // Computed, not stored: a leak checker can't follow the tagged pointers of static values.
        let every = Architecture.allCases
        let hybrids: [Architecture] = [.htdemucs, .hdemucs]
        let v3: [Architecture] = [.hdemucs, .demucs]
        let (v4, hdemucs, demucs) = (
            [Architecture.htdemucs], [Architecture.hdemucs], [Architecture.demucs]
        )
        let largest = Double.greatestFiniteMagnitude
        let (finite, positive) = (-largest...largest, Double.leastNonzeroMagnitude...largest)
        typealias Limits = Configuration.Limits
        return [
            .init("sources", of: every, .names { $1(&$0.sources) }),
            .init("audio_channels", of: every, .integer(1...256) { $1(&$0.audioChannels) }),
            .init("channels", of: every, .integer(1...Limits.channels) { $1(&$0.channels) }),
            .init("channels_time", of: hybrids, .only(.null)),
            .init("growth", of: every, .number(1...16) { $1(&$0.growth) }),
            .init("nfft", of: hybrids, .integer(8...1_048_576) { $1(&$0.nfft) }),
            .init("wiener_iters", "end_iters", "wiener_residual", of: hybrids),
            .init("cac", of: hybrids, .only(.bool(true))),
            .init("depth", of: every, .integer(1...Limits.depth) { $1(&$0.depth) }),
            .init("rewrite", of: every, .only(.bool(true))),
            .init("hybrid", of: hdemucs, .only(.bool(true))),
            .init("hybrid_old", of: hdemucs, .flag { $1(&$0.hybridOld) }),
            .init("multi_freqs", of: hybrids, .only(.null)),
            .init("multi_freqs_depth", of: hybrids),
            .init("freq_emb", of: hybrids, .number(finite) { $1(&$0.freqEmb) }),
            .init("emb_scale", of: hybrids, .number(finite) { $1(&$0.embScale) }),
            .init("emb_smooth", of: hybrids),
            .init(
                "lstm_layers", of: demucs, .integer(0...Limits.lstmLayers) { $1(&$0.lstmLayers) }),
            .init("kernel_size", of: every, .integer(1...1024) { $1(&$0.kernelSize) }),
            .init("time_stride", of: hybrids, .integer(1...1024) { $1(&$0.timeStride) }),
            .init("stride", of: every, .integer(1...1024) { $1(&$0.stride) }),
            .init("context", of: every, .integer(0...64) { $1(&$0.context) }),
            .init("context_enc", of: hybrids, .integer(0...64) { $1(&$0.contextEnc) }),
            .init("gelu", of: demucs, .only(.bool(true))),
            .init("glu", of: demucs, .only(.bool(true))),
            .init("norm_starts", of: every, .integer(.min ... .max) { $1(&$0.normStarts) }),
            .init("norm_groups", of: every, .integer(1...Limits.channels) { $1(&$0.normGroups) }),
            .init("dconv_mode", of: every, .integer(0...3) { $1(&$0.dconvMode) }),
            .init(
                "dconv_depth", of: every,
                .integer(-Limits.dconvDepth...Limits.dconvDepth) { $1(&$0.dconvDepth) }),
            .init("dconv_comp", of: every, .number(positive) { $1(&$0.dconvComp) }),
            .init("dconv_attn", of: v3, .integer(.min ... .max) { $1(&$0.dconvAttn) }),
            .init("dconv_lstm", of: v3, .integer(.min ... .max) { $1(&$0.dconvLSTM) }),
            .init("dconv_init", of: every),
            .init(
                "bottom_channels", of: v4, .integer(0...Limits.channels) { $1(&$0.bottomChannels) }),
            .init("t_layers", of: v4, .integer(0...Limits.tLayers) { $1(&$0.tLayers) }),
            .init("t_emb", of: v4, .only(.string("sin"))),
            .init("t_hidden_scale", of: v4, .number(positive) { $1(&$0.tHiddenScale) }),
            .init("t_heads", of: v4, .integer(1...Limits.channels) { $1(&$0.tHeads) }),
            .init("t_dropout", "t_max_positions", of: v4),
            .init("t_norm_in", of: v4, .only(.bool(true))),
            .init("t_norm_in_group", of: v4, .only(.bool(false))),
            .init("t_group_norm", of: v4, .only(.bool(false))),
            .init("t_norm_first", of: v4, .only(.bool(true))),
            .init("t_norm_out", of: v4, .only(.bool(true))),
            .init("t_max_period", of: v4, .number(positive) { $1(&$0.tMaxPeriod) }),
            .init("t_weight_decay", "t_lr", of: v4),
            .init("t_layer_scale", of: v4, .only(.bool(true))),
            .init("t_gelu", of: v4, .only(.bool(true))),
            .init("t_weight_pos_embed", of: v4, .number(finite) { $1(&$0.tWeightPosEmbed) }),
            .init("t_sin_random_shift", of: v4, .only(.integer(0))),
            .init("t_cape_mean_normalize", "t_cape_augment", "t_cape_glob_loc_scale", of: v4),
            .init("t_sparse_self_attn", of: v4, .only(.bool(false))),
            .init("t_sparse_cross_attn", of: v4, .only(.bool(false))),
            .init(
                "t_mask_type", "t_mask_random_seed", "t_sparse_attn_window", "t_global_window",
                "t_sparsity", of: v4),
            .init("t_auto_sparsity", of: v4, .only(.bool(false))),
            .init("t_cross_first", of: v4, .flag { $1(&$0.tCrossFirst) }),
            .init("normalize", of: demucs, .flag { $1(&$0.normalize) }),
            .init("resample", of: demucs, .flag { $1(&$0.resample) }),
            .init("rescale", of: every),
            .init(
                "samplerate", of: every,
                .integer(1...PlanarAudio.highestRateHz) { $1(&$0.samplerate) }),
            .init("segment", of: every, .seconds { $1(&$0.segment) }),
            .init("use_train_segment", of: v4, .flag { $1(&$0.useTrainSegment) }),
        ]
    }

    /// The number of a configuration; nil for arguments without a number.
    func value(in arguments: Arguments) -> ArgumentValue? {
        switch form {
        case .integer(_, let access): .integer(Self.value(access, arguments, 0))
        case .number(_, let access): .number(Self.value(access, arguments, 0))
        default: nil
        }
    }

    private static func value<Value>(
        _ access: Access<Value>, _ arguments: Arguments, _ initial: Value
    ) -> Value {
        var (arguments, value) = (arguments, initial)
        access(&arguments) { value = $0 }
        return value
    }

    /// - Throws: ``ConfigurationError/invalid(key:found:allowed:)`` for a number out of range.
    func check(_ arguments: Arguments) throws(ConfigurationError) {
        switch (form, value(in: arguments)) {
        case (.integer(let allowed, _), .integer(let value)) where !allowed.contains(value):
            throw invalid("\(value)", "\(allowed.lowerBound) to \(allowed.upperBound)")
        case (.number(let allowed, _), .number(let value)) where !allowed.contains(value):
            let isBounded = allowed.upperBound < Double.greatestFiniteMagnitude
            throw invalid(
                "\(value)",
                isBounded
                    ? "\(allowed.lowerBound) to \(allowed.upperBound)"
                    : allowed.lowerBound > 0 ? "a positive number" : "a finite number")
        default: break
        }
    }

    private func invalid(_ found: String, _ allowed: String) -> ConfigurationError {
        .invalid(key: name, found: found, allowed: "it must be \(allowed)")
    }
}
