// Arguments that a configuration refuses with an error, and arguments that it ignores.

import HTDemucs
import Networks
import Testing

struct ConfigurationErrorTests {
    // MARK: - Arguments

    @Test func trainingAndSwitchedOffDetailsAreIgnored() throws {
        let plain = try configuration(kwargs: #"{"sources":["a"]}"#)
        let full = try configuration(
            kwargs: #"{"sources":["a"],"t_dropout":0.02,"t_lr":null,"t_weight_decay":0.05,"#
                + #""rescale":0.3,"emb_smooth":false,"dconv_init":0.1,"wiener_iters":3,"#
                + #""end_iters":1,"wiener_residual":true,"cac":true,"t_max_positions":5,"#
                + #""t_cape_mean_normalize":false,"t_cape_augment":false,"#
                + #""t_cape_glob_loc_scale":[1,2,3],"t_mask_type":"jmask","#
                + #""t_mask_random_seed":1,"t_sparse_attn_window":3,"t_global_window":4,"#
                + #""t_sparsity":0.5,"multi_freqs":[],"multi_freqs_depth":7,"#
                + #""channels_time":null,"t_norm_out":1,"t_emb":"sin"}"#)
        #expect(full.configuration == plain.configuration)
        #expect(full.warnings.isEmpty)
    }

    @Test func unknownArgumentsAreWarnedOf() throws {
        let result = try configuration(kwargs: #"{"sources":["a"],"zeta":1,"alpha":{"b":[]}}"#)
        #expect(
            result.warnings == [
                "unknown argument alpha of the model's class; ignored, as the reference does",
                "unknown argument zeta of the model's class; ignored, as the reference does",
            ])
    }

    @Test func positionalArgumentsTakeTheReferencesOrder() throws {
        let result = try configuration(
            kwargs: #"{"samplerate":8000}"#,
            args: #"[["a","b"],1,16,null,3,512,0,0,false,true,2]"#)
        var expected = Configuration.Hyperparameters(sources: ["a", "b"])
        expected.audioChannels = 1
        expected.channels = 16
        expected.growth = 3
        expected.nfft = 512
        expected.depth = 2
        expected.samplerate = 8000
        #expect(result.configuration.arguments == expected)
    }

    @Test func tooManyOrDoubledArgumentsAreRefused() throws {
        let zeros = "[" + Array(repeating: "0", count: 64).joined(separator: ",") + "]"
        #expect(throws: ConfigurationError.tooManyPositional(found: 64, allowed: 63)) {
            try configuration(kwargs: "{}", args: zeros)
        }
        #expect(throws: ConfigurationError.givenTwice(key: "sources")) {
            try configuration(kwargs: #"{"sources":["a"]}"#, args: #"[["a"]]"#)
        }
        #expect(throws: ConfigurationError.missing(key: "sources")) {
            try configuration(kwargs: "{}")
        }
    }

    @Test(arguments: [
        ("channels_time", "24", "None"), ("cac", "false", "True"), ("rewrite", "false", "True"),
        ("multi_freqs", "[0.25]", "None"), ("t_emb", "\"cape\"", "\"sin\""),
        ("t_emb", "\"scaled\"", "\"sin\""), ("t_norm_in", "false", "True"),
        ("t_norm_in_group", "true", "False"), ("t_group_norm", "true", "False"),
        ("t_norm_first", "false", "True"), ("t_norm_out", "false", "True"),
        ("t_layer_scale", "false", "True"), ("t_gelu", "false", "True"),
        ("t_sin_random_shift", "5", "0"), ("t_sparse_self_attn", "true", "False"),
        ("t_sparse_cross_attn", "true", "False"), ("t_auto_sparsity", "true", "False"),
    ])
    func whatIsNotBuiltIsRefusedByName(key: String, value: String, standard: String) throws {
        let error = try #require(Self.error("\"\(key)\":\(value)"))
        guard case .unsupported(key, _, "\(key) = \(standard)") = error else {
            Issue.record("\(error)")
            return
        }
        #expect(error.description.contains(key))
    }

    @Test(arguments: [
        ("audio_channels", "2.0"), ("audio_channels", "\"2\""), ("channels", "true"),
        ("growth", "\"2\""), ("nfft", "null"), ("depth", "[4]"), ("freq_emb", "true"),
        ("emb_scale", "null"), ("kernel_size", "8.5"), ("use_train_segment", "1"),
        ("t_cross_first", "0"), ("segment", "\"10\""), ("segment", "null"),
        ("samplerate", "44100.0"), ("sources", "\"drums\""), ("sources", "[1]"),
        ("norm_starts", "99999999999999999999"),
    ])
    func wrongTypesAreRefused(key: String, value: String) throws {
        guard case .wrongType(key, _, _) = Self.error("\"\(key)\":\(value)") else {
            Issue.record("\(String(describing: Self.error("\"\(key)\":\(value)")))")
            return
        }
    }

    // MARK: - Values

    @Test(arguments: [
        ("audio_channels", "0"), ("audio_channels", "-2"), ("audio_channels", "1000000"),
        ("channels", "0"), ("channels", "9223372036854775807"), ("growth", "0.5"),
        ("growth", "16"), ("growth", "1e308"), ("nfft", "0"), ("nfft", "4095"), ("nfft", "4100"),
        ("nfft", "4104"), ("nfft", "864"),
        ("nfft", "9223372036854775800"), ("depth", "0"), ("depth", "1000000000"),
        ("kernel_size", "0"), ("stride", "0"), ("stride", "9"), ("stride", "2"),
        ("time_stride", "0"), ("context", "-1"), ("context_enc", "65"), ("norm_groups", "0"),
        ("dconv_mode", "4"), ("dconv_mode", "-1"), ("dconv_depth", "17"),
        ("dconv_depth", "-9223372036854775808"), ("dconv_comp", "0"), ("dconv_comp", "-8"),
        ("dconv_comp", "49"), ("dconv_comp", "1e-300"), ("bottom_channels", "-1"),
        ("bottom_channels", "510"), ("t_layers", "-1"), ("t_layers", "1000000"),
        ("t_heads", "0"), ("t_heads", "7"), ("t_hidden_scale", "0"), ("t_hidden_scale", "1e-5"),
        ("t_hidden_scale", "1e10"), ("t_max_period", "0"), ("samplerate", "0"),
        ("samplerate", "-1"), ("samplerate", "768001"), ("segment", "0"), ("segment", "-10"),
        ("segment", "1e-6"),
        ("segment", "1e300"), ("segment", "100000"), ("segment", "9223372036854775807"),
        ("segment", #"{"_type":"fraction","numerator":-39,"denominator":5}"#),
        ("sources", "[]"), ("sources", "[\"\"]"), ("sources", "[\"a/b\"]"),
        ("sources", "[\"..\"]"), ("sources", "[\".\"]"), ("sources", "[\"a\\u0000\"]"),
        ("sources", "[\"a\\nb\"]"), ("sources", "[\"a\\\\b\"]"), ("sources", "[\"a\",\"a\"]"),
        ("sources", "[\"a\",\"A\"]"),
    ])
    func impossibleValuesAreRefused(key: String, value: String) throws {
        let error = try #require(Self.error("\"\(key)\":\(value)"))
        guard case .invalid(key, _, _) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(!error.description.contains("\n"))
    }

    @Test func tooManySourcesAreRefused() {
        let names = (0..<257).map { "\"s\($0)\"" }.joined(separator: ",")
        Self.expectInvalid("sources", "257 sources", "\"sources\":[\(names)]")
    }

    /// 100,000 hidden channels at each position of layer 0.
    @Test func aDConvTooWideForMemoryIsRefused() throws {
        let error = try #require(Self.error("\"channels\":48,\"dconv_comp\":0.00048"))
        guard case .invalid("segment", _, _) = error else {
            Issue.record("\(error)")
            return
        }
    }

    @Test func normGroupsMustDivideWhatTheyNormalise() throws {
        // Layer 0's decoder gives 2·2·1 channels over frequency and 2 over time.
        #expect(Self.error("\"norm_starts\":0,\"norm_groups\":2") == nil)
        #expect(
            Self.error("\"norm_starts\":0,\"norm_groups\":4")
                == .invalid(
                    key: "norm_groups", found: "4",
                    allowed: "layer 0 normalises 2 channels, which it doesn't divide"))
        #expect(Self.error("\"norm_starts\":1,\"norm_groups\":48") == nil)
        #expect(Self.error("\"norm_starts\":1,\"norm_groups\":96") != nil)
        #expect(Self.error("\"norm_starts\":-3,\"norm_groups\":2") == nil)
    }

    @Test func aLayerBehindTheMergeIsRefused() throws {
        #expect(Self.error("\"depth\":5,\"nfft\":4096") == nil)
        #expect(
            Self.error("\"depth\":6,\"nfft\":4096,\"channels\":8")
                == .unsupported(
                    key: "depth", found: "6",
                    supported: "up to 5 with nfft = 4096, kernel_size = 8 and stride = 4, where "
                        + "the branches merge in the last layer"))
    }

    @Test func branchesThatCannotMergeAreRefused() throws {
        // 1024 → 256 → 64 → 16 → 4 frequencies: a position of the last layer would be 1024 samples
        // long, but frames are 512 samples apart.
        Self.expectInvalid("nfft", "2048", "\"depth\":5,\"nfft\":2048")
    }

    @Test func growthMustAgreeWithTheTransformer() throws {
        // int(1.5·5) = 7, but the transformer is built for 7.5 channels.
        let arguments = #""depth":2,"channels":5,"growth":1.5,"dconv_comp":2,"t_layers":"#
        #expect(Self.error(arguments + "0") == nil)
        Self.expectInvalid("growth", "1.5", arguments + "1")
    }

    @Test func anInactiveDConvMayHaveNoHiddenChannels() throws {
        #expect(Self.error("\"dconv_mode\":0,\"dconv_comp\":1000") == nil)
        #expect(Self.error("\"dconv_depth\":0,\"dconv_comp\":1000") == nil)
    }

    private static func expectInvalid(
        _ key: String, _ found: String, _ arguments: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = error(arguments)
        guard case .invalid(key, found, _) = error else {
            Issue.record("\(String(describing: error))", sourceLocation: sourceLocation)
            return
        }
    }

    /// The error of these arguments with defaults for all others; nil if they are accepted.
    private static func error(_ arguments: String) -> ConfigurationError? {
        let sources = arguments.contains("\"sources\"") ? "" : "\"sources\":[\"a\"],"
        do {
            _ = try configuration(kwargs: "{\(sources)\(arguments)}")
            return nil
        } catch let error as ConfigurationError {
            return error
        } catch {
            Issue.record("\(error)")
            return nil
        }
    }
}
