using System.ComponentModel.DataAnnotations;

namespace AgentBudget.Silo.Options;

/// <summary>The check of one value that the user wrote. What was not written is not checked.</summary>
/// <param name="key">What the value is called in a file; the sentence about a fault begins with it.</param>
[AttributeUsage(AttributeTargets.Property)]
internal abstract class ValueAttribute(string key) : ValidationAttribute
{
    /// <summary>The key that the value has in a file.</summary>
    public string Key { get; } = key;

    /// <summary>The rest of the sentence about a wrong value, or null.</summary>
    protected abstract string? FaultOf(string value);

    /// <inheritdoc/>
    protected sealed override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        value is string text && FaultOf(text) is { } fault
            ? new ValidationResult($"{Key} {fault}")
            : ValidationResult.Success;
}
