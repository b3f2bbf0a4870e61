using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AgentBudget.Client;

/// <summary>Registration with a host.</summary>
public static class AgentBudgetServiceCollectionExtensions
{
    /// <summary>
    /// Registers one <see cref="AgentBudgetClient"/> for the whole process. Its options are checked when the host
    /// starts; the clock is the registered <see cref="TimeProvider"/>, if there is one.
    /// </summary>
    /// <param name="services">The services of the host.</param>
    /// <param name="configure">Sets the options.</param>
    public static IServiceCollection AddAgentBudgetClient(
        this IServiceCollection services, Action<AgentBudgetClientOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        OptionsBuilder<AgentBudgetClientOptions> options =
            services.AddOptions<AgentBudgetClientOptions>().ValidateOnStart();
        if (configure is not null) options.Configure(configure);
        services.TryAddEnumerable(
            ServiceDescriptor.Singleton<IValidateOptions<AgentBudgetClientOptions>, OptionsCheck>());
        services.TryAddSingleton(provider => new AgentBudgetClient(
            provider.GetRequiredService<IOptions<AgentBudgetClientOptions>>().Value,
            provider.GetService<ILoggerFactory>(),
            provider.GetService<TimeProvider>()));
        return services;
    }

    private sealed class OptionsCheck : IValidateOptions<AgentBudgetClientOptions>
    {
        public ValidateOptionsResult Validate(string? name, AgentBudgetClientOptions options)
        {
            IReadOnlyList<string> faults = options.Faults();
            return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
        }
    }
}
