using System.Runtime.CompilerServices;
using AgentBudget.Protocol.V1;
using Microsoft.Extensions.AI;

namespace AgentBudget.Client;

/// <summary>
/// A chat client that reserves before each call, calls the model that was granted, and settles what the call used.
/// </summary>
/// <remarks>
/// A refused call is not made and throws <see cref="BudgetDeniedException"/>. An answer without usage is settled as an
/// estimate. A call that failed is released; one that was cancelled or left in the middle of its stream is settled with
/// what was seen of it.
/// </remarks>
public sealed class BudgetChatClient : DelegatingChatClient
{
    private const int OutputBytesPerToken = 4;

    private readonly AgentBudgetClient _client;
    private readonly BudgetChatOptions _options;

    /// <summary>Makes a chat client in front of another one.</summary>
    /// <param name="innerClient">Who calls the model.</param>
    /// <param name="client">Whom to ask.</param>
    /// <param name="options">How; not to be changed afterwards.</param>
    public BudgetChatClient(IChatClient innerClient, AgentBudgetClient client, BudgetChatOptions options)
        : base(innerClient)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        _client = client;
        _options = options;
    }

    private string? InnerModel =>
        (InnerClient.GetService(typeof(ChatClientMetadata)) as ChatClientMetadata)?.DefaultModelId;

    /// <inheritdoc/>
    public override async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages,
        ChatOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ChatMessage[] asked = [.. messages];
        ReserveTokensRequest reserve = _options.ReserveOf(asked, options, InnerModel);
        await using BudgetScope scope = await _client.BeginScopeAsync(reserve, cancellationToken);
        scope.EnsureAllowed();
        try
        {
            ChatResponse response =
                await base.GetResponseAsync(asked, Granted(options, scope), cancellationToken);
            long bytes = response.Messages.Sum(message => message.Contents.Sum(ChatSize.BytesOf));
            scope.Use(CommitOf(reserve, response.Usage, bytes));
            return response;
        }
        catch (OperationCanceledException)
        {
            scope.Use(CommitOf(reserve, usage: null, answerBytes: 0));
            throw;
        }
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages,
        ChatOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ChatMessage[] asked = [.. messages];
        ReserveTokensRequest reserve = _options.ReserveOf(asked, options, InnerModel);
        await using BudgetScope scope = await _client.BeginScopeAsync(reserve, cancellationToken);
        scope.EnsureAllowed();
        UsageDetails? usage = null;
        long bytes = 0;
        bool isBegun = false;
        await using CancellationTokenRegistration onCancel = cancellationToken.UnsafeRegister(
            _ =>
            {
                if (!isBegun) scope.Use(CommitOf(reserve, usage: null, answerBytes: 0));
            },
            state: null);
        IAsyncEnumerable<ChatResponseUpdate> updates =
            base.GetStreamingResponseAsync(asked, Granted(options, scope), cancellationToken);
        await foreach (ChatResponseUpdate update in updates)
        {
            isBegun = true;
            foreach (UsageContent told in update.Contents.OfType<UsageContent>())
            {
                usage ??= new UsageDetails();
                usage.Add(told.Details);
            }

            bytes += update.Contents.Sum(ChatSize.BytesOf);
            scope.Use(CommitOf(reserve, usage, bytes)); // Whoever leaves now has used so much.
            yield return update;
        }
    }

    private static ChatOptions? Granted(ChatOptions? options, BudgetScope scope)
    {
        if (scope.Answer.Decision != Decision.AllowDowngraded) return options;
        ChatOptions cheaper = options?.Clone() ?? new ChatOptions();
        cheaper.ModelId = scope.Model;
        return cheaper;
    }

    private static CommitTokensRequest CommitOf(ReserveTokensRequest reserve, UsageDetails? usage, long answerBytes)
    {
        if (usage is not { InputTokenCount: not null } and not { OutputTokenCount: not null })
        {
            return new CommitTokensRequest
            {
                UsageSource = UsageSource.Estimated,
                Usage = new TokenUsage
                {
                    InputTokens = reserve.Estimate.InputTokens,
                    OutputTokens = answerBytes / OutputBytesPerToken,
                },
            };
        }

        // Cached tokens are a part of the input, and reasoning of the output; ours are apart.
        long cached = Math.Clamp(usage.CachedInputTokenCount ?? 0, 0, usage.InputTokenCount ?? 0);
        long reasoning = Math.Clamp(usage.ReasoningTokenCount ?? 0, 0, usage.OutputTokenCount ?? 0);
        return new CommitTokensRequest
        {
            Usage = new TokenUsage
            {
                InputTokens = (usage.InputTokenCount ?? 0) - cached,
                CacheReadTokens = cached,
                OutputTokens = (usage.OutputTokenCount ?? 0) - reasoning,
                ReasoningTokens = reasoning,
            },
        };
    }
}
