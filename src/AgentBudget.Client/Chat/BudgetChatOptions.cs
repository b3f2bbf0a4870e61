using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.AI;

namespace AgentBudget.Client;

/// <summary>How <see cref="BudgetChatClient"/> reserves and settles.</summary>
public sealed class BudgetChatOptions
{
    /// <summary>
    /// Answers the token of the session to spend in. Required, unless the client's own credential is one.
    /// </summary>
    public Func<string>? SessionToken { get; set; }

    /// <summary>The model where neither the call nor the inner client names one.</summary>
    public string? Model { get; set; }

    /// <summary>
    /// The most output tokens of a call that does not bound them itself. Default: what the catalog says of the model.
    /// </summary>
    public long? MaxOutputTokens { get; set; }

    /// <summary>Changes the reserve of a call before it is asked: a better estimate, tags, the tool.</summary>
    public Action<IEnumerable<ChatMessage>, ChatOptions?, ReserveTokensRequest>? Reserve { get; set; }

    /// <summary>Bytes of the messages to a token, 1 to 8, for the estimate of the input. Default 3.</summary>
    public int BytesPerToken { get; set; } = 3;

    /// <summary>How long a hold stands; what a call used beyond it is settled as late. Default 10 min.</summary>
    public TimeSpan HoldTtl { get; set; } = TimeSpan.FromMinutes(10);

    internal void Check()
    {
        if (BytesPerToken is < 1 or > 8)
            throw new ArgumentException("BytesPerToken must be 1 to 8.", nameof(BytesPerToken));
        if (MaxOutputTokens < 0)
            throw new ArgumentException("MaxOutputTokens must be 0 or more.", nameof(MaxOutputTokens));
        if (HoldTtl < TimeSpan.FromSeconds(1) || HoldTtl > TimeSpan.FromHours(24))
            throw new ArgumentException("HoldTtl must be 1 s to 24 h.", nameof(HoldTtl));
    }

    internal ReserveTokensRequest ReserveOf(
        IReadOnlyList<ChatMessage> messages, ChatOptions? options, string? innerModel)
    {
        ReserveTokensRequest reserve = new()
        {
            SessionToken = SessionToken?.Invoke() ?? "",
            Model = options?.ModelId ?? innerModel ?? Model ?? "",
            Estimate = new TokenEstimate { InputTokens = 1 + (ChatSize.InputBytes(messages, options) / BytesPerToken) },
            Ttl = Duration.FromTimeSpan(HoldTtl),
        };
        if ((options?.MaxOutputTokens ?? MaxOutputTokens) is { } most) reserve.Estimate.MaxOutputTokens = most;
        Reserve?.Invoke(messages, options, reserve);
        if (reserve.Model.Length == 0)
            throw new InvalidOperationException(
                "The call names no model: set ChatOptions.ModelId, or BudgetChatOptions.Model.");
        return reserve;
    }
}
