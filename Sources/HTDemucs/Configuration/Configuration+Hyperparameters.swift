// Also Embedded Swift: typed throws, no key paths, no casts.
// The model's hyperparameters with the defaults of the reference's class. Numbers from the paper
// and the reference stand only here.

import WeightsLoader

extension Configuration {
    /// The arguments of the reference's classes (4.1.0) that change the model's output.
    ///
    /// Plain values, unchecked: ``Configuration/init(_:)`` decides whether they fit together. Each
    /// comment begins with the reference's name. Defaults are those of the reference's class, not
    /// of the published models, which store all their arguments. An argument that a class doesn't
    /// have keeps a value without effect.
    package struct Hyperparameters: Sendable, Equatable {
        /// The class. The defaults below are those of HTDemucs, where it has the argument.
        package let architecture: Architecture

        // MARK: - Input and output

        /// `sources`: names of the stems, in the order of the outputs.
        package var sources: [String]
        /// `audio_channels`: channels of the mix and of each stem.
        package var audioChannels = 2
        /// `samplerate`: sample rate of the mix in Hz, a whole number as in the reference.
        package var samplerate = 44_100
        /// `segment`: length of the segments that the model was trained on, in seconds.
        package var segment = Segment.fraction(numerator: 10, denominator: 1)
        /// `use_train_segment`: pad shorter inputs with zeros to `segment` and refuse longer ones.
        package var useTrainSegment = true

        // MARK: - Spectrogram

        /// `nfft`: samples per analysis window; the hop is nfft / 4.
        package var nfft = 4096

        /// `hybrid_old` (HDemucs): zero padding instead of reflection at the mix's ends, and
        /// outputs 1.5 hops late, as some models were trained.
        package var hybridOld = false

        // MARK: - Waveform (Demucs)

        /// `normalize`: normalise by the mean and the standard deviation of the mono mix, and
        /// denormalise the stems.
        package var normalize = false
        /// `resample`: run at twice the sample rate.
        package var resample = false
        /// `lstm_layers`: layers of an LSTM between encoder and decoder; 0 for none.
        package var lstmLayers = 0

        // MARK: - Encoders and decoders

        /// `depth`: layers of each encoder and each decoder.
        package var depth = 4
        /// `channels`: channels after the first encoder layer.
        package var channels = 48
        /// `growth`: factor between the channels of successive layers; products are truncated.
        package var growth = 2.0
        /// `kernel_size`: taps of each layer's strided convolution, over frequency or over time.
        package var kernelSize = 8
        /// `stride`: stride of the layers' strided convolutions.
        package var stride = 4
        /// `time_stride`: stride of the layers after the merge of the branches; only HDemucs has
        /// such layers here.
        package var timeStride = 2
        /// `context`: neighbours on each side in a decoder layer's rewrite convolution, whose
        /// kernel is 2·context + 1 (in both dimensions of the spectrogram branch).
        package var context = 1
        /// `context_enc`: neighbours on each side in an encoder layer's rewrite convolution.
        package var contextEnc = 0
        /// `norm_starts`: first layer with GroupNorm; earlier ones have none.
        package var normStarts = 4
        /// `norm_groups`: number of groups in the GroupNorms.
        package var normGroups = 4

        // MARK: - Frequency embedding

        /// `freq_emb`: weight of the frequency embedding added after the first encoder layer;
        /// 0 (or None) for none.
        package var freqEmb = 0.2
        /// `emb_scale`: factor on the stored embedding.
        package var embScale = 10.0

        // MARK: - Residual branches (DConv)

        /// `dconv_mode`: bit 0 for DConv in encoder layers, bit 1 in decoder layers.
        package var dconvMode = 1
        /// `dconv_depth`: its magnitude is the number of residual layers; dilations are 1, 2, 4, …
        /// if it is positive, all 1 if negative.
        package var dconvDepth = 2
        /// `dconv_comp`: channels / dconv_comp, truncated, are the hidden channels.
        package var dconvComp = 8.0
        /// `dconv_attn` (HDemucs, Demucs): first layer whose DConvs have local attention.
        package var dconvAttn = Int.max
        /// `dconv_lstm` (HDemucs, Demucs): first layer whose DConvs have an LSTM.
        package var dconvLSTM = Int.max

        // MARK: - Transformer

        /// `bottom_channels`: channels of the transformer between two 1×1 convolutions; 0 for no
        /// such convolutions.
        package var bottomChannels = 0
        /// `t_layers`: layers in each branch; 0 for no transformer.
        package var tLayers = 5
        /// `t_hidden_scale`: the feed-forward hidden size is the transformer's size times this,
        /// truncated.
        package var tHiddenScale = 4.0
        /// `t_heads`: attention heads.
        package var tHeads = 8
        /// `t_max_period`: base of the positional embedding's wavelengths, in positions.
        package var tMaxPeriod = 10_000.0
        /// `t_weight_pos_embed`: factor on the positional embedding.
        package var tWeightPosEmbed = 1.0
        /// `t_cross_first`: even layers are cross-attention layers; if false, odd ones are.
        package var tCrossFirst = false

        /// The default arguments of a class.
        package init(_ architecture: Architecture = .htdemucs, sources: [String]) {
            self.architecture = architecture
            self.sources = sources
            guard architecture != .htdemucs else { return }
            segment = .fraction(numerator: 40, denominator: 1)
            useTrainSegment = false
            depth = 6
            dconvComp = 4
            (dconvAttn, dconvLSTM) = (4, 4)
            tLayers = 0
            guard architecture == .demucs else { return }
            channels = 64
            (normalize, resample) = (true, true)
            freqEmb = 0
        }

        /// The arguments of the published `htdemucs`.
        package static var htdemucs: Hyperparameters {
            var published = Hyperparameters(sources: ["drums", "bass", "other", "vocals"])
            published.segment = .fraction(numerator: 39, denominator: 5)
            published.dconvMode = 3
            published.bottomChannels = 512
            return published
        }

        /// For HTDemucs the arguments of the published `htdemucs`. For the other classes the
        /// defaults with four sources and segments of 44 s: the size of `hdemucs_mmi` and of the
        /// `mdx` models, which store their arguments.
        package static func publishedSize(of architecture: Architecture) -> Hyperparameters {
            guard architecture != .htdemucs else { return .htdemucs }
            var published = Hyperparameters(architecture, sources: htdemucs.sources)
            published.segment = .fraction(numerator: 44, denominator: 1)
            return published
        }
    }

    /// A segment's length in seconds, with Python's type of the number.
    package enum Segment: Sendable, Equatable {
        /// `Fraction(39, 5)`, or a whole number over 1: multiplied exactly.
        case fraction(numerator: Int, denominator: Int)
        /// A float: multiplied in double precision.
        case float(Double)

        /// `int(segment * samplerate)` as Python computes it; nil if it is not positive or
        /// too large for a double to count exactly.
        package func samples(atHz samplerate: Int) -> Int? {
            let limit = Int(clamping: Int64(1) << 53)
            switch self {
            case .fraction(let numerator, let denominator):
                guard denominator != 0, (numerator < 0) == (denominator < 0) else { return nil }
                let (high, low) = numerator.magnitude.multipliedFullWidth(by: samplerate.magnitude)
                guard samplerate > 0, high < denominator.magnitude else { return nil }
                let samples = denominator.magnitude.dividingFullWidth((high, low)).quotient
                return (1...UInt(limit)).contains(samples) ? Int(samples) : nil
            case .float(let seconds):
                let samples = seconds * Double(samplerate)
                return samples >= 1 && samples <= Double(limit) ? Int(samples) : nil
            }
        }

        /// `seconds <= segment` as Python compares, without rounding.
        func isAtLeast(_ seconds: Double) -> Bool {
            switch self {
            case .fraction(let numerator, let denominator):
                // A fused multiply–add rounds once, so its sign is that of the exact difference.
                let (above, below) = (Double(numerator), Double(denominator))
                let excess = (-above).addingProduct(seconds, below)
                return below > 0 ? excess <= 0 : excess >= 0
            case .float(let own): return seconds <= own
            }
        }

        /// The length as a constructor argument.
        var argument: ArgumentValue {
            switch self {
            case .fraction(let seconds, 1): .integer(seconds)
            case .fraction(let numerator, let denominator):
                .fraction(numerator: numerator, denominator: denominator)
            case .float(let seconds): .number(seconds)
            }
        }

        /// The length in seconds, rounded to a double.
        package var seconds: Double {
            switch self {
            case .fraction(let numerator, let denominator):
                Double(numerator) / Double(denominator)
            case .float(let seconds): seconds
            }
        }
    }
}
