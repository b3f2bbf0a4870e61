using System.Net.Http.Headers;
using System.Text;
using AgentBudget.Client.Tests.Middleware;
using AgentBudget.Client.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Client.Tests.Samples;

[Collection(SharedBudgetCollection.Name)]
public sealed class SampleTests(SharedBudget shared)
{
    private readonly TestBudget _budget = shared.Budget;

    [Fact]
    public void The_gateway_of_the_documentation_is_the_one_that_is_compiled()
    {
        string root = FindRoot();
        string[] page = File.ReadAllLines(Path.Combine(root, "docs", "client.md"));
        string[] sample = File.ReadAllLines(Path.Combine(
            root, "tests", "AgentBudget.Client.Tests", "Samples", "SampleGateway.cs"));
        int start = Array.FindIndex(sample, line => line.StartsWith("internal static", StringComparison.Ordinal));

        int at = Array.IndexOf(page, sample[start]);

        Assert.True(at > 0, "docs/client.md shows no sample gateway");
        Assert.Equal(sample[start..], page[at..(at + sample.Length - start)]);
    }

    [Fact]
    public async Task The_gateway_of_the_documentation_settles_and_refuses()
    {
        await using FakeProvider provider = await FakeProvider.StartAsync();
        provider.Answer =
            (200, "application/json", ["""{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":9}}"""]);
        using HttpClient upstream = new() { BaseAddress = provider.Address };
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using WebApplication gateway = builder.Build();
        SampleGateway.Map(gateway, _budget.Client, upstream);
        await gateway.StartAsync();
        string wide = await _budget.OpenAsync(), tight = await _budget.OpenAsync("useCases/tight");

        using HttpResponseMessage answered = await AskAsync(gateway, wide, maxTokens: 50);
        using HttpResponseMessage refused = await AskAsync(gateway, tight, maxTokens: 3_000_000);

        Assert.Equal(200, (int)answered.StatusCode);
        Assert.Equal((0, 20), await _budget.TokensOfAsync(wide));
        Assert.Equal(429, (int)refused.StatusCode);
        Assert.Contains("useCases/tight", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private static async Task<HttpResponseMessage> AskAsync(WebApplication gateway, string token, int maxTokens)
    {
        using HttpClient client = new();
        using HttpRequestMessage request = new(HttpMethod.Post, $"{gateway.Urls.Single()}/v1/chat/completions")
        {
            Content = new StringContent(
                $$"""{"model":"m","max_completion_tokens":{{maxTokens}},"messages":[]}""", Encoding.UTF8),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await client.SendAsync(request);
    }

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "AgentBudget.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new DirectoryNotFoundException("no AgentBudget.sln above the tests");
    }
}
