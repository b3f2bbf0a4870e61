using AgentBudget.Client.Tests.Support;
using AgentBudget.Protocol.V1;
using Microsoft.Extensions.AI;

namespace AgentBudget.Client.Tests.Middleware;

[Collection(SharedBudgetCollection.Name)]
public sealed class ChatClientTests(SharedBudget shared) : IAsyncLifetime
{
    private readonly TestBudget _budget = shared.Budget;
    private readonly ScriptedChat _model = new();
    private string _token = "";
    private IChatClient _chat = null!;

    public async ValueTask InitializeAsync()
    {
        _token = await _budget.OpenAsync();
        _chat = ChatOf(_token);
    }

    public ValueTask DisposeAsync()
    {
        _chat.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_response_is_settled_by_its_usage_in_disjoint_parts()
    {
        _model.Usage = new UsageDetails
        {
            InputTokenCount = 100,
            CachedInputTokenCount = 40,
            OutputTokenCount = 20,
            ReasoningTokenCount = 5,
        };

        ChatResponse response = await _chat.GetResponseAsync("hello");

        Assert.Equal("answer", response.Text);
        Assert.Equal("m", _model.Options?.ModelId ?? "m");
        Assert.Equal((0, 120), await _budget.TokensOfAsync(_token));
    }

    [Fact]
    public async Task A_stream_is_settled_by_its_usage()
    {
        _model.Usage = new UsageDetails { InputTokenCount = 30, OutputTokenCount = 12 };

        ChatResponse response = await _chat.GetStreamingResponseAsync("hello").ToChatResponseAsync();

        Assert.Equal("answer", response.Text);
        Assert.Equal((0, 42), await _budget.TokensOfAsync(_token));
    }

    [Fact]
    public async Task Without_usage_an_estimate_is_settled_also_of_a_stream_that_was_left()
    {
        await _chat.GetResponseAsync(new string('x', 299));
        (_, long whole) = await _budget.TokensOfAsync(_token);
        await foreach (ChatResponseUpdate update in _chat.GetStreamingResponseAsync(new string('x', 299))) break;
        (long held, long both) = await _budget.TokensOfAsync(_token);

        Assert.InRange(whole, 100, 130);
        Assert.InRange(both - whole, 100, 130);
        Assert.Equal(0, held);
    }

    [Fact]
    public async Task A_failed_call_is_released_and_a_cancelled_one_settled_with_its_input()
    {
        _model.Failure = new InvalidOperationException("broken");
        await Assert.ThrowsAsync<InvalidOperationException>(() => _chat.GetResponseAsync("hello"));
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => _chat.GetStreamingResponseAsync("hello").ToChatResponseAsync());
        Assert.Equal((0, 0), await _budget.TokensOfAsync(_token));

        _model.Failure = new OperationCanceledException();
        await Assert.ThrowsAsync<OperationCanceledException>(() => _chat.GetResponseAsync("hello"));
        (long held, long settled) = await _budget.TokensOfAsync(_token);
        Assert.Equal(0, held);
        Assert.InRange(settled, 1, 30);
    }

    [Fact]
    public async Task A_refused_call_is_not_made_and_a_downgraded_one_made_with_the_cheaper_model()
    {
        string token = await _budget.OpenAsync("useCases/tight");
        using IChatClient chat = ChatOf(token);
        _model.Usage = new UsageDetails { InputTokenCount = 1, OutputTokenCount = 1 };

        BudgetDeniedException denied = await Assert.ThrowsAsync<BudgetDeniedException>(
            () => chat.GetResponseAsync("hello", new ChatOptions { MaxOutputTokens = 3_000_000 }));
        int callsBefore = _model.Calls;
        await chat.GetResponseAsync("hello", new ChatOptions { ModelId = "dear", MaxOutputTokens = 200_000 });

        Assert.Equal(Reason.UseCaseBudget, denied.Denial.Reason);
        Assert.Equal(0, callsBefore);
        Assert.Equal("m", _model.Options!.ModelId);
        Assert.Equal(200_000, _model.Options.MaxOutputTokens);
    }

    private IChatClient ChatOf(string token) => _model.WithAgentBudget(
        _budget.Client,
        new BudgetChatOptions { SessionToken = () => token, Model = "m", MaxOutputTokens = 1000 });

    /// <summary>A model that answers one word, with the usage that a test sets.</summary>
    private sealed class ScriptedChat : IChatClient
    {
        public UsageDetails? Usage { get; set; }

        public Exception? Failure { get; set; }

        public ChatOptions? Options { get; private set; }

        public int Calls { get; private set; }

        public Task<ChatResponse> GetResponseAsync(
            IEnumerable<ChatMessage> messages,
            ChatOptions? options = null,
            CancellationToken cancellationToken = default)
        {
            Note(options);
            return Task.FromResult(
                new ChatResponse(new ChatMessage(ChatRole.Assistant, "answer")) { Usage = Usage });
        }

        public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
            IEnumerable<ChatMessage> messages,
            ChatOptions? options = null,
            [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            Note(options);
            await Task.Yield();
            yield return new ChatResponseUpdate(ChatRole.Assistant, "ans");
            yield return new ChatResponseUpdate(ChatRole.Assistant, "wer");
            if (Usage is not null) yield return new ChatResponseUpdate(ChatRole.Assistant, [new UsageContent(Usage)]);
        }

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }

        private void Note(ChatOptions? options)
        {
            if (Failure is not null) throw Failure;
            Calls++;
            Options = options;
        }
    }
}
