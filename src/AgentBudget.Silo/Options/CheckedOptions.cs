using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace AgentBudget.Silo.Options;

/// <summary>Options that were bound and found right.</summary>
internal static class CheckedOptions
{
    /// <summary>Binds and checks a group. Throws <see cref="OptionsException"/>.</summary>
    /// <param name="configuration">What was written.</param>
    /// <param name="validator">Checks it.</param>
    internal static TOptions From<TOptions>(IConfiguration configuration, IValidateOptions<TOptions> validator)
        where TOptions : class, new()
    {
        TOptions options = configuration.Get<TOptions>() ?? new TOptions();

        // The first fault is enough of a sentence; the others are told once it is mended.
        ValidateOptionsResult result = validator.Validate(name: null, options);
        return result.Failed ? throw new OptionsException(result.Failures.First()) : options;
    }
}
