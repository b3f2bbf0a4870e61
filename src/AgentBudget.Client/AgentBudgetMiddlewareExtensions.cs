using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace AgentBudget.Client;

/// <summary>Puts a budget in front of model calls.</summary>
public static class AgentBudgetMiddlewareExtensions
{
    /// <summary>
    /// Reserves and settles around each model call of an HTTP client, with the registered
    /// <see cref="AgentBudgetClient"/>.
    /// </summary>
    /// <param name="builder">The HTTP client.</param>
    /// <param name="options">How.</param>
    public static IHttpClientBuilder AddAgentBudget(this IHttpClientBuilder builder, BudgetHttpOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        return builder.AddHttpMessageHandler(
            provider => new BudgetHttpHandler(provider.GetRequiredService<AgentBudgetClient>(), options));
    }

    /// <summary>Reserves and settles around each call of a chat client.</summary>
    /// <param name="chat">Who calls the model.</param>
    /// <param name="client">Whom to ask.</param>
    /// <param name="options">How.</param>
    public static IChatClient WithAgentBudget(
        this IChatClient chat, AgentBudgetClient client, BudgetChatOptions options) =>
        new BudgetChatClient(chat, client, options);
}
