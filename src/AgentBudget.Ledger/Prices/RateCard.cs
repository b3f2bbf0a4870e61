using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Ledger.Prices;

/// <summary>How the cost of one bucket is brought to whole nanos.</summary>
internal enum Rounding
{
    /// <summary>Holds round up: a hold is never below what it holds for.</summary>
    Up,

    /// <summary>Settlements round half to even: over many calls the error has no direction.</summary>
    HalfToEven,
}

/// <summary>Nanos per million tokens, by bucket; <see cref="Absent"/> where the price book has no rate.</summary>
internal sealed class RateCard
{
    internal const long Absent = -1;
    internal const long TokensPerRate = 1_000_000;

    private readonly long _input;
    private readonly long _output;
    private readonly long _cacheRead;
    private readonly long _cacheWrite5m;
    private readonly long _cacheWrite1h;
    private readonly long _ownReasoning;
    private readonly long _reasoning;
    private readonly long _inputAudio;
    private readonly long _outputAudio;
    private readonly long _inputImage;
    private readonly long _ownCacheReadAudio;
    private readonly long _cacheReadAudio;
    private readonly long _ownCacheWriteAudio;
    private readonly long _cacheWriteAudio;
    private readonly long _ownOutputImage;
    private readonly long _outputImage;
    private readonly long _highest;
    private readonly TokenBucket _highestOf;

    /// <param name="rates">The rates.</param>
    /// <param name="fallback">Where <paramref name="rates"/> is silent, if anywhere.</param>
    /// <param name="multipliersPpm">
    /// Millionths of the rates that are paid, at most three; their product rounds half to even.
    /// </param>
    public RateCard(Rates? rates, RateCard? fallback, params ReadOnlySpan<long> multipliersPpm)
    {
        UInt128 multiplier = 1;
        UInt128 divisor = 1;
        foreach (long ppm in multipliersPpm)
        {
            if (ppm == TokensPerRate) continue;
            multiplier *= (ulong)ppm;
            divisor *= TokensPerRate;
        }

        _input = Pick(rates is { HasInput: true } ? rates.Input : null, fallback?._input);
        _output = Pick(rates is { HasOutput: true } ? rates.Output : null, fallback?._output);
        _cacheRead = Pick(rates is { HasCacheRead: true } ? rates.CacheRead : null, fallback?._cacheRead);
        _cacheWrite5m = Pick(rates is { HasCacheWrite5M: true } ? rates.CacheWrite5M : null, fallback?._cacheWrite5m);
        _cacheWrite1h = Pick(rates is { HasCacheWrite1H: true } ? rates.CacheWrite1H : null, fallback?._cacheWrite1h);
        _ownReasoning = Pick(rates is { HasReasoning: true } ? rates.Reasoning : null, fallback?._ownReasoning);
        // Most providers bill reasoning as the output that it is.
        _reasoning = _ownReasoning == Absent ? _output : _ownReasoning;
        _inputAudio = Pick(rates is { HasInputAudio: true } ? rates.InputAudio : null, fallback?._inputAudio);
        _outputAudio = Pick(rates is { HasOutputAudio: true } ? rates.OutputAudio : null, fallback?._outputAudio);
        _inputImage = Pick(rates is { HasInputImage: true } ? rates.InputImage : null, fallback?._inputImage);
        _ownCacheReadAudio =
            Pick(rates is { HasCacheReadAudio: true } ? rates.CacheReadAudio : null, fallback?._ownCacheReadAudio);
        _ownCacheWriteAudio =
            Pick(rates is { HasCacheWriteAudio: true } ? rates.CacheWriteAudio : null, fallback?._ownCacheWriteAudio);
        _ownOutputImage = Pick(rates is { HasOutputImage: true } ? rates.OutputImage : null, fallback?._ownOutputImage);
        // Where a list says nothing of a modality, it is billed as what it is of.
        _cacheReadAudio = _ownCacheReadAudio == Absent ? _cacheRead : _ownCacheReadAudio;
        _cacheWriteAudio = _ownCacheWriteAudio == Absent ? _cacheWrite5m : _ownCacheWriteAudio;
        _outputImage = _ownOutputImage == Absent ? _output : _ownOutputImage;
        ReadOnlySpan<long> all =
        [
            _input, _output, _cacheRead, _cacheWrite5m, _cacheWrite1h, _reasoning, _inputAudio, _outputAudio,
            _inputImage, _cacheReadAudio, _cacheWriteAudio, _outputImage,
        ];
        _highest = Absent;
        foreach (long rate in all) _highest = Math.Max(_highest, rate);
        _highestOf = _highest == Absent ? TokenBucket.Unspecified : (TokenBucket)(all.IndexOf(_highest) + 1);

        long Pick(long? own, long? other) => own is null
            ? other ?? Absent
            : checked((long)RoundHalfToEven128((ulong)own.Value * multiplier, divisor));
    }

    /// <summary>The threshold of the long context that it is for; 0 for the ordinary rates.</summary>
    public long AboveTokens { get; init; }

    /// <summary>Whether a token of the prompt costs more than one of the answer.</summary>
    public bool IsInputDearer => _output != Absent && _input > _output;

    // A model that is billed by units alone charges nothing for tokens.
    private long Highest => Math.Max(_highest, 0);

    /// <summary>The first bucket with tokens but without a rate; null if every needed rate is there.</summary>
    public string? MissingRate(in Tokens tokens)
    {
        if (tokens.Input > 0 && _input == Absent) return "input";
        if (tokens.Output > 0 && _output == Absent) return "output";
        if (tokens.CacheRead > 0 && _cacheRead == Absent) return "cacheRead";
        if (tokens.CacheWrite5m > 0 && _cacheWrite5m == Absent) return "cacheWrite5m";
        if (tokens.CacheWrite1h > 0 && _cacheWrite1h == Absent) return "cacheWrite1h";
        if (tokens.Reasoning > 0 && _reasoning == Absent) return "reasoning";
        if (tokens.InputAudio > 0 && _inputAudio == Absent) return "inputAudio";
        if (tokens.OutputAudio > 0 && _outputAudio == Absent) return "outputAudio";
        if (tokens.InputImage > 0 && _inputImage == Absent) return "inputImage";
        if (tokens.CacheReadAudio > 0 && _cacheReadAudio == Absent) return "cacheReadAudio";
        if (tokens.CacheWriteAudio > 0 && _cacheWriteAudio == Absent) return "cacheWriteAudio";
        return tokens.OutputImage > 0 && _outputImage == Absent ? "outputImage" : null;
    }

    /// <summary>
    /// Prices every bucket and rounds it. A bucket without a rate pays the card's highest, because what was used is
    /// never free; holds ask <see cref="MissingRate"/> first. False if the sum does not fit 64 bits of nanos.
    /// </summary>
    public bool TryPrice(in Tokens tokens, Rounding rounding, out long nanos)
    {
        nanos = 0;
        return Add(tokens.Input, _input, rounding, ref nanos)
            && Add(tokens.Output, _output, rounding, ref nanos)
            && Add(tokens.CacheRead, _cacheRead, rounding, ref nanos)
            && Add(tokens.CacheWrite5m, _cacheWrite5m, rounding, ref nanos)
            && Add(tokens.CacheWrite1h, _cacheWrite1h, rounding, ref nanos)
            && Add(tokens.Reasoning, _reasoning, rounding, ref nanos)
            && Add(tokens.InputAudio, _inputAudio, rounding, ref nanos)
            && Add(tokens.OutputAudio, _outputAudio, rounding, ref nanos)
            && Add(tokens.InputImage, _inputImage, rounding, ref nanos)
            && Add(tokens.CacheReadAudio, _cacheReadAudio, rounding, ref nanos)
            && Add(tokens.CacheWriteAudio, _cacheWriteAudio, rounding, ref nanos)
            && Add(tokens.OutputImage, _outputImage, rounding, ref nanos);
    }

    /// <summary>
    /// Writes what each bucket is charged, of tokens that <see cref="TryPrice"/> has priced: every line is a rounding
    /// of its own, so that the lines sum to the charge.
    /// </summary>
    public void WriteLines(in Tokens tokens, RepeatedField<ChargeLine> lines)
    {
        Write(TokenBucket.Input, tokens.Input, _input, TokenBucket.Unspecified);
        Write(TokenBucket.Output, tokens.Output, _output, TokenBucket.Unspecified);
        Write(TokenBucket.CacheRead, tokens.CacheRead, _cacheRead, TokenBucket.Unspecified);
        Write(TokenBucket.CacheWrite5M, tokens.CacheWrite5m, _cacheWrite5m, TokenBucket.Unspecified);
        Write(TokenBucket.CacheWrite1H, tokens.CacheWrite1h, _cacheWrite1h, TokenBucket.Unspecified);
        Write(TokenBucket.Reasoning, tokens.Reasoning, _reasoning, Other(_ownReasoning, TokenBucket.Output));
        Write(TokenBucket.InputAudio, tokens.InputAudio, _inputAudio, TokenBucket.Unspecified);
        Write(TokenBucket.OutputAudio, tokens.OutputAudio, _outputAudio, TokenBucket.Unspecified);
        Write(TokenBucket.InputImage, tokens.InputImage, _inputImage, TokenBucket.Unspecified);
        Write(
            TokenBucket.CacheReadAudio, tokens.CacheReadAudio, _cacheReadAudio,
            Other(_ownCacheReadAudio, TokenBucket.CacheRead));
        Write(
            TokenBucket.CacheWriteAudio, tokens.CacheWriteAudio, _cacheWriteAudio,
            Other(_ownCacheWriteAudio, TokenBucket.CacheWrite5M));
        Write(TokenBucket.OutputImage, tokens.OutputImage, _outputImage, Other(_ownOutputImage, TokenBucket.Output));

        static TokenBucket Other(long ownRate, TokenBucket other) =>
            ownRate == Absent ? other : TokenBucket.Unspecified;

        void Write(TokenBucket bucket, long count, long rate, TokenBucket rateOf)
        {
            if (count == 0) return;
            long nanos = 0;
            bool fits = Add(count, rate, Rounding.HalfToEven, ref nanos);
            Invariant.Holds(fits);
            lines.Add(new ChargeLine
            {
                Bucket = bucket,
                Tokens = count,
                CostNanos = nanos,
                Rate = rate == Absent ? Highest : rate,
                RateOf = rate == Absent ? _highestOf : rateOf,
                AboveTokens = AboveTokens,
            });
        }
    }

    private bool Add(long count, long rate, Rounding rounding, ref long sumNanos) =>
        count == 0 || TryAddLine(count, rate == Absent ? Highest : rate, rounding, ref sumNanos);

    /// <summary>
    /// Adds so many of something at nanos per million of it, rounded. False if the sum does not fit 64 bits of nanos.
    /// </summary>
    public static bool TryAddLine(long count, long rate, Rounding rounding, ref long sumNanos)
    {
        ulong high = Math.BigMul((ulong)count, (ulong)rate, out ulong low);
        long line;
        if (high == 0 && low < long.MaxValue)
        {
            line = rounding switch
            {
                Rounding.Up => (long)((low + TokensPerRate - 1) / TokensPerRate),
                Rounding.HalfToEven => RoundHalfToEven(low),
            };
        }
        else
        {
            UInt128 product = new(high, low);
            UInt128 whole = rounding switch
            {
                Rounding.Up => (product + TokensPerRate - 1) / TokensPerRate,
                Rounding.HalfToEven => RoundHalfToEven128(product, TokensPerRate),
            };
            if (whole > long.MaxValue) return false;
            line = (long)whole;
        }

        if (line > long.MaxValue - sumNanos) return false;
        sumNanos += line;
        return true;
    }

    private static long RoundHalfToEven(ulong product)
    {
        ulong whole = product / TokensPerRate;
        ulong rest = product - (whole * TokensPerRate);
        bool isUp = rest > TokensPerRate / 2 || (rest == TokensPerRate / 2 && (whole & 1) == 1);
        return (long)(isUp ? whole + 1 : whole);
    }

    private static UInt128 RoundHalfToEven128(UInt128 product, UInt128 divisor)
    {
        (UInt128 whole, UInt128 rest) = UInt128.DivRem(product, divisor);
        UInt128 twice = rest * 2;
        return twice > divisor || (twice == divisor && UInt128.IsOddInteger(whole)) ? whole + 1 : whole;
    }
}
