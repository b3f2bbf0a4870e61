using AgentBudget.Protocol.V1;

namespace AgentBudget.Client;

/// <summary>
/// Stands in front of a model provider: reserves before each model call, sends it with the model that was granted, and
/// settles what the provider reports, also of streams. Knows OpenAI's chat completions, responses and embeddings,
/// Anthropic's messages, and Gemini's generateContent.
/// </summary>
/// <remarks>
/// A refused call is not sent and throws <see cref="BudgetDeniedException"/>. An answer without a report of usage is
/// settled as an estimate. A call that failed is released; one that was cancelled on its way is settled with the
/// estimate of its input, because providers charge it. Each attempt of a retrying client is a call of its own: put the
/// retries outside of this handler.
/// </remarks>
public sealed class BudgetHttpHandler : DelegatingHandler
{
    private const int BodyBytesMax = 64 * 1024 * 1024; // Above what providers take.

    private readonly AgentBudgetClient _client;
    private readonly BudgetHttpOptions _options;

    /// <summary>Makes a handler.</summary>
    /// <param name="client">Whom to ask.</param>
    /// <param name="options">How; not to be changed afterwards.</param>
    public BudgetHttpHandler(AgentBudgetClient client, BudgetHttpOptions options)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        _client = client;
        _options = options;
    }

    /// <inheritdoc/>
    /// <exception cref="BudgetDeniedException">The budget refused the call.</exception>
    /// <exception cref="AgentBudgetException">The budget could not be asked; the call was not made.</exception>
    /// <exception cref="InvalidOperationException">The call's cost cannot be told; it was not made.</exception>
    protected override async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.Content is null) return await base.SendAsync(request, cancellationToken);
        string path = request.RequestUri!.AbsolutePath;
        if (ModelCall.DialectOf(path) is not { } dialect)
        {
            if (_options.AllowOther?.Invoke(request) == true) return await base.SendAsync(request, cancellationToken);
            throw new InvalidOperationException(
                $"{path} is no model call that is known, so it was not sent: let it pass by "
                    + "BudgetHttpOptions.AllowOther if it costs nothing.");
        }

        await request.Content.LoadIntoBufferAsync(BodyBytesMax, cancellationToken);
        ModelCall call =
            ModelCall.Read(dialect, path, await request.Content.ReadAsByteArrayAsync(cancellationToken));
        BudgetScope scope =
            await _client.BeginScopeAsync(_options.ReserveOf(request, call), cancellationToken);
        bool isHandedOn = false;
        try
        {
            scope.EnsureAllowed();
            Rewrite(request, call, scope);
            UsageReport usage = new(call, _options.BytesPerToken);
            HttpResponseMessage response = await SendAsync(request, usage, scope, cancellationToken);
            isHandedOn = response.Content is SettlingContent;
            return response;
        }
        finally
        {
            if (!isHandedOn) await scope.DisposeAsync();
        }
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, UsageReport usage, BudgetScope scope, CancellationToken cancellation)
    {
        HttpResponseMessage response;
        try
        {
            response = await base.SendAsync(request, cancellation);
        }
        catch (OperationCanceledException)
        {
            scope.Use(usage.ToCommit()); // It may have been sent, and is charged then.
            throw;
        }

        if (!response.IsSuccessStatusCode) return response; // Providers charge no refused call.
        if (response.Content.Headers.ContentType?.MediaType is not "application/json")
        {
            response.Content = new SettlingContent(response.Content, usage, scope);
            return response;
        }

        try
        {
            await response.Content.LoadIntoBufferAsync(BodyBytesMax, cancellation);
            byte[] body = await response.Content.ReadAsByteArrayAsync(cancellation);
            usage.Count(body.Length);
            usage.Read(body);
            return response;
        }
        catch
        {
            response.Dispose();
            throw;
        }
        finally
        {
            scope.Use(usage.ToCommit()); // The answer was made, whether it could be read or not.
        }
    }

    private static void Rewrite(HttpRequestMessage request, ModelCall call, BudgetScope scope)
    {
        string? cheaper = scope.Answer.Decision == Decision.AllowDowngraded ? scope.Model : null;
        if (call.Rewrite(request, cheaper) is not { } body) return;
        HttpContent before = request.Content!;
        ByteArrayContent content = new(body);
        foreach ((string name, IEnumerable<string> values) in before.Headers)
        {
            if (!name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
                content.Headers.TryAddWithoutValidation(name, values);
        }

        request.Content = content;
        before.Dispose();
    }
}
