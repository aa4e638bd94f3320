"""Catalog and its tables, and the system's light lists. Field sets and lengths: OpenAPI document, 2025.1 to 2026.4."""

from __future__ import annotations

from .fields import table

CATALOG = table("""
identifier!:str75 description!:str60 inactiveFlag:bool subcategory!:ref(subcategory) type!:ref(productType)
productClass:enum(Agreement|Bundle|Inventory|NonInventory|Service) serializedFlag:bool serializedCostFlag:bool
phaseProductFlag:bool unitOfMeasure:ref(uom) minStockLevel:int price:num cost:num
priceAttribute:enum(FixedFee|NotToExceed|OverrideRate|TimeAndMaterials) taxableFlag:bool dropShipFlag:bool
specialOrderFlag:bool customerDescription!:str6000 manufacturer:ref(none) manufacturerPartNumber:str50
vendor:ref(company) vendorSku:str50 notes:str integrationXRef:str50 sla:ref(none) entityType:ref(none)
recurringFlag:bool recurringRevenue:num recurringCost:num recurringOneTimeFlag:bool
recurringBillCycle:ref(billingCycle) recurringCycleType:enum(ContractYear|CalendarYear) calculatedPriceFlag:bool
calculatedCostFlag:bool category:ref(category) calculatedPrice=:num calculatedCost=:num
billableOption:enum(Billable|DoNotBill|NoCharge|NoDefault) agreementType:ref(agreementType)
markupPercentage:num markupFlag:bool autoUpdateUnitCostFlag:bool autoUpdateUnitPriceFlag:bool customFields:custom
""")

CATEGORY = table("name!:str50 inactiveFlag:bool priceLevelXref:str10 integrationXref:str50 defaultFlag:bool")

SUBCATEGORY = table("name!:str50 inactiveFlag:bool integrationXref:str50 defaultFlag:bool category!:ref(category)")

PRODUCT_TYPE = table("""
name!:str50 inactiveFlag:bool typeXref:enum(InventoryPart|NonInventoryPart|OtherCharge|Service) defaultFlag:bool
""")

UNIT_OF_MEASURE = table("name!:str50 inactiveFlag:bool defaultFlag:bool uomScheduleXref:str31")

LOCATION = table("name!:str")

DEPARTMENT = table("name!:str")

DOCUMENT_TYPE = table("description:str fileExtension:str mimeType:str icon:str")

DOCUMENT = table("""
title:str fileName=:str serverFileName=:str owner=:str linkFlag=:bool imageFlag=:bool publicFlag:bool
htmlTemplateFlag=:bool readOnlyFlag:bool size=:int urlFlag=:bool createdOnDate=:str documentType=:ref(documentType)
guid=:str
""")
