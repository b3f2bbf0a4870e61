using System.ClientModel;
using System.Text.RegularExpressions;
using AgentBudget.Client;
using AgentBudget.Faults.Tests;
using AgentBudget.Gateway.Tests.Support;
using AgentBudget.Protocol.V1;
using Anthropic;
using Anthropic.Exceptions;
using Anthropic.Models.Messages;
using OpenAI;
using OpenAI.Chat;

namespace AgentBudget.Gateway.Tests;

/// <summary>
/// The gateway as the README starts it, by an option of the silo, with the demo model behind it and the official SDKs
/// before it.
/// </summary>
public sealed partial class HostedTests : IAsyncLifetime
{
    private readonly SiloProcess _silo = new() { Arguments = ["--gateway", "127.0.0.1:0"] };
    private AgentBudgetClient _client = null!;
    private Uri _address = null!;

    public async ValueTask InitializeAsync()
    {
        await _silo.StartAsync();
        _client = new AgentBudgetClient(new AgentBudgetClientOptions
        {
            Address = _silo.GrpcAddress,
            Credential = _silo.AdminKey,
        });
        await _client.CallAsync(
            _client.Catalogs.ApplyCatalogAsync,
            new ApplyCatalogRequest { Document = TestGateway.Catalog },
            CancellationToken.None);
        // It listens before the silo says that it does; the line may come a moment after /readyz.
        for (int tries = 0; ; tries++)
        {
            Match line = Listening().Match(_silo.Output);
            if (line.Success)
            {
                _address = new Uri(line.Groups[1].Value);
                return;
            }

            Assert.True(tries < 1200, $"no gateway is told of:\n{_silo.Output}");
            await Task.Delay(50);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        Assert.Equal(0, await _silo.StopAsync());
        await _silo.DisposeAsync();
    }

    [Fact]
    public async Task The_OpenAI_client_spends_whole_and_streamed_answers()
    {
        (string session, string token) = await OpenAsync(nanos: 900_000_000);
        ChatClient chat = ChatOf(token);

        ChatCompletion whole = await chat.CompleteChatAsync("Say something.");
        List<StreamingChatCompletionUpdate> parts = [];
        await foreach (StreamingChatCompletionUpdate part in chat.CompleteChatStreamingAsync("Say something more."))
            parts.Add(part);

        Assert.NotEmpty(whole.Content[0].Text);
        Assert.NotEmpty(string.Concat(parts.SelectMany(part => part.ContentUpdate).Select(part => part.Text)));
        Assert.Equal(OpenAI.Chat.ChatFinishReason.Stop, parts.Last(part => part.FinishReason is not null).FinishReason);
        GrainBalance balance = await BalanceAsync(session);
        Assert.True(balance.SettledTokens > whole.Usage.TotalTokenCount);
        Assert.Equal(0, balance.HeldTokens);
    }

    [Fact]
    public async Task The_OpenAI_client_stops_at_the_cap_with_what_the_budget_says()
    {
        (string session, string token) = await OpenAsync(nanos: 5_000_000);
        ChatClient chat = ChatOf(token);
        int answered = 0;
        ClientResultException refused = await Assert.ThrowsAsync<ClientResultException>(async () =>
        {
            for (; answered < 1000; answered++) await chat.CompleteChatAsync("Again.");
        });

        Assert.Equal(402, refused.Status);
        Assert.Contains("session", refused.Message, StringComparison.OrdinalIgnoreCase);
        Assert.True(answered > 0, refused.Message);
        GrainBalance balance = await BalanceAsync(session);
        Assert.Equal(0, balance.HeldTokens);
        Assert.InRange(balance.Settled.Nanos, 1, 5_000_000);
    }

    [Fact]
    public async Task The_Anthropic_client_spends_and_is_refused_once()
    {
        (string session, string token) = await OpenAsync(nanos: 5_000_000);
        using AnthropicClient client = new() { ApiKey = token, BaseUrl = _address.ToString().TrimEnd('/') };
        MessageCreateParams call = new()
        {
            Model = "m",
            MaxTokens = 1000,
            Messages = [new UserMessageParam("Say something.")],
        };
        int answered = 0;
        AnthropicApiException refused = await Assert.ThrowsAnyAsync<AnthropicApiException>(async () =>
        {
            for (; answered < 1000; answered++) Assert.NotEmpty((await client.Messages.Create(call)).Content);
        });

        Assert.True(answered > 0, refused.Message);
        Assert.Contains("billing_error", refused.Message, StringComparison.Ordinal);
        GrainBalance balance = await BalanceAsync(session);
        Assert.Equal(0, balance.HeldTokens);
        Assert.InRange(balance.Settled.Nanos, 1, 5_000_000);
    }

    [Fact]
    public async Task A_wrong_key_of_the_section_stops_the_start()
    {
        await using SiloProcess silo = new() { Arguments = ["--gateway", "127.0.0.1:0", "--config", "silo.json"] };
        await File.WriteAllTextAsync(
            Path.Combine(silo.Folder, "silo.json"), """{ "gateway": { "upstreems": [ { "name": "a" } ] } }""");

        silo.Launch();

        Assert.NotEqual(0, await silo.ExitCodeAsync());
        Assert.Contains("upstreems", silo.Output, StringComparison.OrdinalIgnoreCase);
    }

    private ChatClient ChatOf(string key) => new(
        "m", new ApiKeyCredential(key), new OpenAIClientOptions { Endpoint = new Uri(_address, "v1") });

    private async Task<(string Session, string Token)> OpenAsync(int nanos)
    {
        OpenSessionResponse opened = await _client.CallAsync(
            _client.Sessions.OpenSessionAsync,
            new OpenSessionRequest
            {
                Agent = "agents/writer",
                UseCase = "useCases/promo",
                Unattended = true,
                Ceilings = new Ceilings { CostPerSession = new Money { CurrencyCode = "USD", Nanos = nanos } },
            },
            CancellationToken.None);
        return (opened.Session.Session_, opened.SessionToken);
    }

    private async Task<GrainBalance> BalanceAsync(string session) =>
        (await _client.GetBalanceAsync(new GetBalanceRequest { Grain = session })).Grains[0];

    [GeneratedRegex("gateway    model calls of SDKs at (http://[0-9.:]+)")]
    private static partial Regex Listening();
}
