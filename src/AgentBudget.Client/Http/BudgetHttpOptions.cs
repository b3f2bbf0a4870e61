using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Client;

/// <summary>How <see cref="BudgetHttpHandler"/> reserves and settles.</summary>
public sealed class BudgetHttpOptions
{
    /// <summary>
    /// Answers the token of the session that a request spends in. Required, unless the client's own credential is a
    /// session's token.
    /// </summary>
    public Func<HttpRequestMessage, string>? SessionToken { get; set; }

    /// <summary>
    /// Answers the model of a request that names none itself, such as that of an Azure deployment; null for none.
    /// </summary>
    public Func<HttpRequestMessage, string?>? Model { get; set; }

    /// <summary>
    /// Changes the reserve of a request before it is asked: a better estimate, tags, the tool. The estimate that it
    /// finds counts the body's bytes, see <see cref="BytesPerToken"/>.
    /// </summary>
    public Action<HttpRequestMessage, ReserveTokensRequest>? Reserve { get; set; }

    /// <summary>
    /// Whether a request may pass that has a body and is no model call that the handler knows. Default: none may,
    /// because a call that nobody counts is spend that nobody sees.
    /// </summary>
    public Func<HttpRequestMessage, bool>? AllowOther { get; set; }

    /// <summary>
    /// Bytes of a request's body to a token, 1 to 8, for the estimate of its input. Default 3: texts of most languages
    /// have more, so that the hold covers them.
    /// </summary>
    public int BytesPerToken { get; set; } = 3;

    /// <summary>How long a hold stands; what a call used beyond it is settled as late. Default 10 min.</summary>
    public TimeSpan HoldTtl { get; set; } = TimeSpan.FromMinutes(10);

    internal void Check()
    {
        if (BytesPerToken is < 1 or > 8)
            throw new ArgumentException("BytesPerToken must be 1 to 8.", nameof(BytesPerToken));
        if (HoldTtl < TimeSpan.FromSeconds(1) || HoldTtl > TimeSpan.FromHours(24))
            throw new ArgumentException("HoldTtl must be 1 s to 24 h.", nameof(HoldTtl));
    }

    internal ReserveTokensRequest ReserveOf(HttpRequestMessage request, ModelCall call)
    {
        ReserveTokensRequest reserve = new()
        {
            SessionToken = SessionToken?.Invoke(request) ?? "",
            Model = call.Model ?? Model?.Invoke(request) ?? "",
            Estimate = new TokenEstimate { InputTokens = call.InputTokens(BytesPerToken) },
            Ttl = Duration.FromTimeSpan(HoldTtl),
        };
        if (call.MaxOutputTokens is { } most) reserve.Estimate.MaxOutputTokens = most;
        Reserve?.Invoke(request, reserve);
        if (reserve.Model.Length == 0)
            throw new InvalidOperationException(
                $"{request.RequestUri} names no model: set BudgetHttpOptions.Model to say which it calls.");
        return reserve;
    }
}
