"""Agreements, additions and finance tables. Field sets and lengths: OpenAPI document, releases 2025.1 to 2026.4."""

from __future__ import annotations

from .fields import table

_CYCLES = (
    "Contract2Weeks|Contract4Weeks|ContractYear|CalendarMonth|CalendarQuarter|CalendarWeek|ContractQuarter|CalendarYear"
)
_BILL = "Billable|DoNotBill|NoCharge|NoDefault"

AGREEMENT = table(f"""
name!:str100 type!:ref(agreementType) company!:ref(company) contact:ref(contact) site:site
subContractCompany:ref(company) subContractContact:ref(contact) parentAgreement:ref(agreement) customerPO:str50
location:ref(location) department:ref(department) restrictLocationFlag:bool restrictDepartmentFlag:bool
startDate:date endDate:date noEndingDateFlag:bool opportunity:ref(none) cancelledFlag:bool dateCancelled:date
reasonCancelled:str100 sla:ref(none) workOrder:str20 internalNotes:str applicationUnits:enum(Amount|Hours|Incidents)
applicationLimit:num applicationCycle:enum({_CYCLES}) applicationUnlimitedFlag:bool oneTimeFlag:bool
coverAgreementTime:bool coverAgreementProduct:bool coverAgreementExpense:bool coverSalesTax:bool carryOverUnused:bool
allowOverruns:bool expiredDays:int limit:int expireWhenZero:bool chargeToFirm:bool
employeeCompRate^:enum(Actual|Hourly) employeeCompNotExceed:enum(Billing|Amount|Percent) compHourlyRate:num
compLimitAmount:num billingCycle:ref(billingCycle) billOneTimeFlag:bool billingTerms:ref(billingTerm)
invoicingCycle^:enum(ContractYear|CalendarYear) billToCompany:ref(company) billToContact:ref(contact)
billToSite:ref(none) billAmount:num taxable:bool prorateFirstBill:num billStartDate:date taxCode:ref(taxCode)
restrictDownPayment:bool prorateFlag:bool invoiceProratedAdditionsFlag:bool invoiceDescription:str topComment:bool
bottomComment:bool workRole:ref(none) workType:ref(none) projectType:ref(none) invoiceTemplate:ref(none)
billTime^:enum({_BILL}) billExpenses^:enum({_BILL}) billProducts^:enum({_BILL}) billableTimeInvoice:bool
billableExpenseInvoice:bool billableProductInvoice:bool currency:ref(currency)
periodType:enum(Current|Future|Both|Undefined) autoInvoiceFlag:bool billZeroAmountFlag:bool nextInvoiceDate=:str
companyLocation:ref(location) shipToCompany:ref(company) shipToContact:ref(contact) shipToSite:ref(none)
agreementStatus=:enum(Active|Cancelled|Expired|Inactive) customFields:custom
""")

ADDITION = table("""
product!:ref(catalog) quantity:num lessIncluded:num unitPrice:num unitCost:num
billCustomer!:enum(Billable|DoNotBill|NoCharge) effectiveDate:date cancelledDate:date taxableFlag:bool
serialNumber:str50 invoiceDescription:str6000 purchaseItemFlag:bool specialOrderFlag:bool agreementId=:int
description:str billedQuantity=:num uom=:str extPrice=:num extCost=:num sequenceNumber:num margin=:num
prorateCost=:num proratePrice=:num extendedProrateCost=:num extendedProratePrice=:num prorateCurrentPeriodFlag:bool
opportunity:ref(none) agreementStatus=:enum(Active|Cancelled|Expired|Inactive) invoiceGrouping:ref(none)
customFields:custom additionStatus=:str
""")

AGREEMENT_TYPE = table(f"""
name!:str50 prefixSuffixOption:enum(Prefix|Suffix) defaultFlag:bool inactiveFlag:bool prePaymentFlag:bool
invoicePreSuffix:str5 location:ref(location) department:ref(department) restrictLocationFlag:bool
restrictDepartmentFlag:bool sla:ref(none) applicationUnits:enum(Amount|Hours|Incidents) applicationLimit:num
applicationCycle:enum({_CYCLES}) applicationUnlimitedFlag:bool oneTimeFlag:bool coverAgreementTimeFlag:bool
coverAgreementProductFlag:bool coverAgreementExpenseFlag:bool coverSalesTaxFlag:bool carryOverUnusedFlag:bool
allowOverrunsFlag:bool expiredDays:int limit:int expireWhenZero:bool chargeToFirmFlag:bool
employeeCompRate!:enum(Actual|Hourly) employeeCompNotExceed!:enum(Billing|Amount|Percent) compHourlyRate:num
compLimitAmount:num billingCycle:ref(billingCycle) billOneTimeFlag:bool billingTerms:ref(billingTerm)
invoicingCycle!:enum(ContractYear|CalendarYear) billAmount:num taxableFlag:bool restrictDownPaymentFlag:bool
invoiceDescription:str4000 topCommentFlag:bool bottomCommentFlag:bool workRole:ref(none) workType:ref(none)
projectType:ref(none) invoiceTemplate:ref(none) billTime!:enum({_BILL}) billExpenses!:enum({_BILL})
billProducts!:enum({_BILL}) billableTimeInvoiceFlag:bool billableExpenseInvoiceFlag:bool
billableProductInvoiceFlag:bool integrationXRef:str50 prorateFlag:bool emailTemplate:ref(none) autoInvoiceFlag:bool
billZeroAmountFlag:bool invoiceProratedAdditionsFlag:bool
""")

BILLING_CYCLE = table("""
identifier!:str5 name!:str50 defaultFlag:bool
billingOptions!:enum(BiMonthly|BiWeekly|Monthly|NotRecurring|Quarterly|SemiAnnual|Weekly|Yearly)
""")

BILLING_STATUS = table("name!:str30 sortOrder:int defaultFlag:bool closedFlag:bool inactiveFlag:bool sentFlag:bool")

BILLING_TERM = table("name!:str50 defaultFlag:bool dueDays!:int termsXref:str50")

CURRENCY = table("""
currencyIdentifier!:str10 name!:str50 symbol:str10 displayIdFlag:bool displaySymbolFlag:bool
currencyCode:ref(none) thousandsSeparator:str1 decimalSeparator:str1 negativeParenthesesFlag:bool rightAlign:bool
numberOfDecimals:int reportFormat:str
""")

TAX_CODE = table("""
identifier!:str8 description!:str50 invoiceCaption!:str25 country:ref(country) effectiveDate!:date defaultFlag:bool
displayOnInvoiceFlag:bool cancelDate:date levelOneRate:num levelOneRateType:enum(Amount|Percent) levelOneCaption:str25
levelOneServicesFlag:bool levelOneExpensesFlag:bool levelOneProductsFlag:bool
""")
