// Also Embedded Swift: typed throws, no key paths, no casts.
// The three classes of the reference that published checkpoints use.

import WeightsLoader

/// A class of models: its name in YAML files, its constructor's arguments, and the network that it
/// builds.
package enum Architecture: String, Sendable, CaseIterable {
    /// Hybrid Transformer Demucs, v4.
    case htdemucs
    /// Hybrid Demucs, v3.
    case hdemucs
    /// Demucs on waveforms alone, v3.
    case demucs

    /// Module and class of the reference, as checkpoints store it.
    package var className: String {
        switch self {
        case .htdemucs: "demucs.htdemucs.HTDemucs"
        case .hdemucs: "demucs.hdemucs.HDemucs"
        case .demucs: "demucs.demucs.Demucs"
        }
    }

    package static let classNames = allCases.map { $0.className }

    init?(className: String) {
        guard let found = Self.allCases.first(where: { $0.className == className }) else {
            return nil
        }
        self = found
    }

    /// `__init__`'s parameters in order, for positional arguments.
    package var argumentOrder: [String] {
        Self.parameters.flatMap { $0.classes.contains(self) ? $0.names : [] }
    }

    private static let hybrids = [htdemucs, hdemucs]

    /// The parameters of all classes in the order that each has.
    private static let parameters: [(classes: [Architecture], names: [String])] = [
        (allCases, ["sources", "audio_channels", "channels"]),
        (hybrids, ["channels_time"]),
        (allCases, ["growth"]),
        (hybrids, ["nfft", "wiener_iters", "end_iters", "wiener_residual", "cac"]),
        (allCases, ["depth", "rewrite"]),
        ([.hdemucs], ["hybrid", "hybrid_old"]),
        (hybrids, ["multi_freqs", "multi_freqs_depth", "freq_emb", "emb_scale", "emb_smooth"]),
        ([.demucs], ["lstm_layers"]),
        (allCases, ["kernel_size"]),
        (hybrids, ["time_stride"]),
        (allCases, ["stride", "context"]),
        (hybrids, ["context_enc"]),
        ([.demucs], ["gelu", "glu"]),
        (allCases, ["norm_starts", "norm_groups", "dconv_mode", "dconv_depth", "dconv_comp"]),
        ([.hdemucs, .demucs], ["dconv_attn", "dconv_lstm"]),
        (allCases, ["dconv_init"]),
        (
            [.htdemucs],
            [
                "bottom_channels", "t_layers", "t_emb", "t_hidden_scale", "t_heads", "t_dropout",
                "t_max_positions", "t_norm_in", "t_norm_in_group", "t_group_norm", "t_norm_first",
                "t_norm_out", "t_max_period", "t_weight_decay", "t_lr", "t_layer_scale", "t_gelu",
                "t_weight_pos_embed", "t_sin_random_shift", "t_cape_mean_normalize",
                "t_cape_augment", "t_cape_glob_loc_scale", "t_sparse_self_attn",
                "t_sparse_cross_attn", "t_mask_type", "t_mask_random_seed", "t_sparse_attn_window",
                "t_global_window", "t_sparsity", "t_auto_sparsity", "t_cross_first",
            ]
        ),
        ([.demucs], ["normalize", "resample"]),
        (allCases, ["rescale", "samplerate", "segment"]),
        ([.htdemucs], ["use_train_segment"]),
    ]

    /// Arguments that are supported only with their default value. Their sub-options (the Wiener
    /// filter's iterations, those of cape, masks and sparsity, `multi_freqs_depth`) are ignored, and
    /// so are options that only training uses.
    static var onlyDefaults: [(key: String, default: ArgumentValue)] {
        // Computed, not stored: a leak checker can't follow the tagged pointers of static values.
        [
            ("channels_time", .null), ("cac", .bool(true)), ("rewrite", .bool(true)),
            ("multi_freqs", .null), ("hybrid", .bool(true)), ("gelu", .bool(true)),
            ("glu", .bool(true)), ("t_emb", .string("sin")), ("t_norm_in", .bool(true)),
            ("t_norm_in_group", .bool(false)), ("t_group_norm", .bool(false)),
            ("t_norm_first", .bool(true)), ("t_norm_out", .bool(true)),
            ("t_layer_scale", .bool(true)), ("t_gelu", .bool(true)),
            ("t_sin_random_shift", .integer(0)), ("t_sparse_self_attn", .bool(false)),
            ("t_sparse_cross_attn", .bool(false)), ("t_auto_sparsity", .bool(false)),
        ]
    }
}
