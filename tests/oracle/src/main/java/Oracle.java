import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.TreeSet;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.r5.utils.validation.constants.BestPracticeWarningLevel;

/** Asks HL7's validator about each resource of an NDJSON file, without a terminology server or a network. */
public final class Oracle {
  private Oracle() {}

  /**
   * Judges the resources of NDJSON files, given from the third argument on: resources, or {"name", "text"}. Writes to
   * the first file, for each, its name, a tab, and the ids of the validator's errors; to the second the errors whole.
   */
  public static void main(String[] arguments) throws Exception {
    FhirValidator validator = validator();
    try (BufferedWriter verdicts = Files.newBufferedWriter(Path.of(arguments[0]));
        BufferedWriter messages = Files.newBufferedWriter(Path.of(arguments[1]))) {
      for (int file = 2; file < arguments.length; file++) {
        for (String line : Files.readAllLines(Path.of(arguments[file]))) {
          judge(validator, line, verdicts, messages);
        }
      }
    }
  }

  private static void judge(FhirValidator validator, String line, BufferedWriter verdicts, BufferedWriter messages)
      throws Exception {
    JsonObject read = JsonParser.parseString(line).getAsJsonObject();
    boolean isMutant = read.has("text") && read.has("name") && !read.has("resourceType");
    String name = isMutant
        ? read.get("name").getAsString()
        : "unbroken " + read.get("resourceType").getAsString() + "/" + read.get("id").getAsString();
    JsonArray errors = errors(validator, isMutant ? read.get("text").getAsString() : line);
    TreeSet<String> ids = new TreeSet<>();
    errors.forEach(error -> ids.add(error.getAsJsonObject().get("id").getAsString()));
    verdicts.write(name + "\t" + String.join(" ", ids) + "\n");
    JsonObject message = new JsonObject();
    message.addProperty("name", name);
    message.add("errors", errors);
    messages.write(message + "\n");
  }

  private static FhirValidator validator() {
    FhirContext context = FhirContext.forR4();
    UnknownCodeSystemWarningValidationSupport unknown = new UnknownCodeSystemWarningValidationSupport(context);
    unknown.setNonExistentCodeSystemSeverity(IValidationSupport.IssueSeverity.WARNING);
    InMemoryTerminologyServerValidationSupport codes = new InMemoryTerminologyServerValidationSupport(context);
    codes.setIssueSeverityForCodeDisplayMismatch(IValidationSupport.IssueSeverity.WARNING);
    ValidationSupportChain chain = new ValidationSupportChain(
        new DefaultProfileValidationSupport(context),
        new CommonCodeSystemsTerminologyService(context),
        codes,
        unknown);
    FhirInstanceValidator instance = new FhirInstanceValidator(chain);
    instance.setAnyExtensionsAllowed(true);
    instance.setErrorForUnknownProfiles(false);
    instance.setNoExtensibleWarnings(true);
    instance.setBestPracticeWarningLevel(BestPracticeWarningLevel.Ignore);
    instance.setValidatorResourceFetcher(new Nowhere());
    instance.setValidatorPolicyAdvisor(new TypesOfReferences());
    return context.newValidator().registerValidatorModule(instance);
  }

  private static JsonArray errors(FhirValidator validator, String text) {
    JsonArray errors = new JsonArray();
    try {
      for (SingleValidationMessage message : validator.validateWithResult(text).getMessages()) {
        boolean isError = message.getSeverity() == ResultSeverityEnum.ERROR
            || message.getSeverity() == ResultSeverityEnum.FATAL;
        if (isError) {
          errors.add(error(message.getMessageId(), message.getLocationString(), message.getMessage()));
        }
      }
    } catch (RuntimeException failure) {
      errors.add(error("exception", "", String.valueOf(failure.getMessage())));
    }
    return errors;
  }

  private static JsonObject error(String id, String at, String text) {
    JsonObject error = new JsonObject();
    error.addProperty("id", id == null ? "unnamed" : id.replaceFirst("^http://hl7.org/fhir/StructureDefinition/", ""));
    error.addProperty("at", at);
    error.addProperty("text", text);
    return error;
  }
}
