using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting.Recommendations;

public sealed partial class RecommendationFacts
{
    private void Judge(LedgerEvent ledgerEvent, ReservationSettled settled)
    {
        ModelUse use = UseOf(ledgerEvent.Spender.UseCase, settled.Model);
        Int128 nanos = settled.Lines.Aggregate((Int128)0, (sum, line) => sum + line.CostNanos);
        _sessions.TryGetValue(ledgerEvent.Spender.Session, out SessionFacts? session);
        use.Calls++;
        use.CostNanos += nanos;
        bool isOrdinary = settled.PricedTier is ServiceTier.Unspecified or ServiceTier.Standard
            && settled.PricedRegion.Length == 0;
        bool isLong = settled.Lines.Any(line => line.AboveTokens > 0);
        if (isLong)
        {
            use.LongCalls++;
            use.LongNanos += nanos;
            Add(use.LongTokens, settled);
        }
        else if (isOrdinary && TokensOf(settled, TokenBucket.Output, TokenBucket.Reasoning) <= ShortOutputTokens)
        {
            use.ShortCalls++;
            use.ShortNanos += nanos;
            Add(use.ShortTokens, settled);
        }

        if (isOrdinary && session is { IsUnattended: true })
        {
            use.UnattendedCalls++;
            use.UnattendedNanos += nanos;
        }

        JudgeCache(use, settled);
        if (session is not null) JudgeConversation(use, session, ledgerEvent.Time.Seconds, settled);
    }

    // What of a cache was paid, against what the same call paid for plain input.
    private static void JudgeCache(ModelUse use, ReservationSettled settled)
    {
        long? input = settled.Lines.FirstOrDefault(line => line.Bucket == TokenBucket.Input)?.Rate;
        if (input is not { } rate) return;
        foreach (ChargeLine line in settled.Lines)
        {
            switch (line.Bucket)
            {
                case TokenBucket.CacheRead:
                    use.ReadTokens += line.Tokens;
                    use.ReadSaved += (Int128)line.Tokens * (rate - line.Rate);
                    break;
                case TokenBucket.CacheWrite5M or TokenBucket.CacheWrite1H:
                    use.WrittenTokens += line.Tokens;
                    use.WrittenAbove += (Int128)line.Tokens * (line.Rate - rate);
                    break;
                default:
                    break; // Of no text's cache.
            }
        }
    }

    // A prompt that is as long as the last one and its answer together is the same conversation, as far as it can be
    // told without seeing it.
    private static void JudgeConversation(
        ModelUse use, SessionFacts session, long seconds, ReservationSettled settled)
    {
        long plain = TokensOf(settled, TokenBucket.Input);
        long read = TokensOf(settled, TokenBucket.CacheRead);
        long sent = plain + read + TokensOf(settled, TokenBucket.CacheWrite5M, TokenBucket.CacheWrite1H);
        bool isFollowing = session.LastCalls.TryGetValue(settled.Model, out LastCall last)
            && seconds - last.Seconds <= ConversationSeconds && sent >= last.Tokens;
        if (isFollowing)
        {
            long repeated = Math.Clamp(last.Tokens - read, 0, plain);
            use.RepeatingCalls++;
            use.RepeatedTokens += repeated;
            use.ConversationTokens += plain - repeated + (last.IsFollowing ? 0 : last.PlainTokens);
        }

        long got = TokensOf(settled, TokenBucket.Output, TokenBucket.Reasoning);
        session.LastCalls[settled.Model] = new LastCall(seconds, sent + got, plain, isFollowing);
    }

    private static void Add(Dictionary<TokenBucket, long> tokens, ReservationSettled settled)
    {
        foreach (ChargeLine line in settled.Lines)
            tokens[line.Bucket] = tokens.GetValueOrDefault(line.Bucket) + line.Tokens;
    }

    private static long TokensOf(ReservationSettled settled, params ReadOnlySpan<TokenBucket> buckets)
    {
        long tokens = 0;
        foreach (ChargeLine line in settled.Lines) tokens += buckets.Contains(line.Bucket) ? line.Tokens : 0;
        return tokens;
    }

    private ModelUse UseOf(string useCase, string model)
    {
        if (!_uses.TryGetValue((useCase, model), out ModelUse? use)) _uses.Add((useCase, model), use = new ModelUse());
        return use;
    }

    // Sent and got, and of it what was sent as plain input.
    private readonly record struct LastCall(long Seconds, long Tokens, long PlainTokens, bool IsFollowing);
}
